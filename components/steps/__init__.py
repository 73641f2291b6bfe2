"""Steps: names, the steps of each host, the remote commands that carry them, and the last update in the state."""
