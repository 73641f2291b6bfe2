"""`make drift`, `make repair`, and SSH connections to hosts."""
