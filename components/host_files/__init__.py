"""What renders a file of a host, and what happens to the host when the file changes."""
