"""`make new-stack`, `make configuration`, and a stack without its program."""
