"""`make images`, `make mirror`."""
