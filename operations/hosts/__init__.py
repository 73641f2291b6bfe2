"""`make drift`, `make repair`, and the way to a host."""
