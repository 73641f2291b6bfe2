"""Steps: their names, what each host gets, the remote commands that carry them, and what the last update left."""
