"""The timer of etcd's snapshots on a control plane, and what a snapshot follows."""

from __future__ import annotations

import hashlib

from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host, Settings

SETTINGS = "/etc/kubernetes/backup/settings"
RECIPIENT = "/etc/kubernetes/backup/recipient.pem"
SERVICE = "/etc/systemd/system/kubernetes-backup.service"
TIMER = "/etc/systemd/system/kubernetes-backup.timer"
EFFECTS = (
    Effect(SETTINGS, "the next snapshot of etcd follows it"),
    Effect(RECIPIENT, "later bundles are encrypted for its key; earlier ones stay as they are"),
    Effect(SERVICE, "the next snapshot of etcd runs with it"),
    Effect(TIMER, "snapshots of etcd are taken at other hours"),
)

_SERVICE = """\
[Unit]
Description=Snapshot of etcd, in a bundle with the keys of the cluster

[Service]
Type=oneshot
Environment=HOST_NAME={host}
ExecStart=/bin/bash -c '. /usr/local/lib/pulumi-kubeadm/run.sh snapshot && run_step snapshot'
Nice=10
IOSchedulingClass=idle
"""

_TIMER = """\
[Unit]
Description=Snapshots of etcd

[Timer]
OnCalendar=*-*-* {hours}:{minute:02}:00 UTC
Persistent=true

[Install]
WantedBy=timers.target
"""
"""A snapshot that a machine missed, because it was off, is taken when the machine starts."""


def backup_files(host: Host, settings: Settings) -> list[File]:
    """The files of the snapshots on a control plane; an empty list for any other host.

    Each has a minute of its own in the hour, which no other host changes.
    """
    if host.role != "control-plane":
        return []
    backup = settings.backup
    minute = int(hashlib.sha256(host.name.encode()).hexdigest(), 16) % 60
    hours = ",".join(f"{hour:02}" for hour in range(0, 24, backup.every_hours))
    recipient = [File(RECIPIENT, backup.recipient.read_text())] if backup.recipient else []
    return [
        File(SETTINGS, f"directory={backup.directory}\nkeep={backup.keep}\n"),
        *recipient,
        File(SERVICE, _SERVICE.format(host=host.name)),
        File(TIMER, _TIMER.format(hours=hours, minute=minute)),
    ]
