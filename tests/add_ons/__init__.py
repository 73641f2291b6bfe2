"""Built-in add-ons, and those of a stack file, on machines of their own."""
