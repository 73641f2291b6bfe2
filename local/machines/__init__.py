"""Local machines: podman containers that behave like Debian machines with systemd and an SSH server."""

from local.machines.engine import ensure_engine, storage
from local.machines.machines import copy_from, create, cut_off, delete, delete_machine, reboot, reconnect, status
from local.machines.network import ensure_network, has_way_out, remove_network

__all__ = [
    "copy_from",
    "create",
    "cut_off",
    "delete",
    "delete_machine",
    "ensure_engine",
    "ensure_network",
    "has_way_out",
    "reboot",
    "reconnect",
    "remove_network",
    "status",
    "storage",
]
