"""Local machines: podman containers that behave like Debian machines with systemd and an SSH server."""

from local.machines.engine import ensure_engine
from local.machines.machines import create, cut_off, delete, delete_machine, reboot, reconnect, status
from local.machines.network import ensure_network, remove_network

__all__ = [
    "create",
    "cut_off",
    "delete",
    "delete_machine",
    "ensure_engine",
    "ensure_network",
    "reboot",
    "reconnect",
    "remove_network",
    "status",
]
