"""Local machines: podman containers that behave like Debian machines with systemd and an SSH server."""
