"""Limits of this host that its local machines share."""

from __future__ import annotations

from pathlib import Path

from local.errors import LocalError
from local.report import say

INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
NEEDED_INSTANCES = 512
"""A machine takes about 20, for systemd, kubelet, containerd and Calico; Debian's limit is 128 for all of root's."""


def ensure_host_limits() -> None:
    """The machines of several environments fit on this host, until it is rebooted.

    Raises:
        LocalError: the limit is too low and cannot be raised from here.
    """
    seen = int(INOTIFY_INSTANCES.read_text())
    if seen >= NEEDED_INSTANCES:
        return
    try:
        INOTIFY_INSTANCES.write_text(f"{NEEDED_INSTANCES}\n")
    except OSError as error:
        raise LocalError(
            "look at the limits of this host",
            expected=f"fs.inotify.max_user_instances of at least {NEEDED_INSTANCES}",
            seen=f"{seen}, and it cannot be raised from here: {error.strerror}",
            next_command=f"sysctl fs.inotify.max_user_instances={NEEDED_INSTANCES}, outside of this container",
        ) from error
    say(f"  fs.inotify.max_user_instances of this host is raised from {seen} to {NEEDED_INSTANCES}, until a reboot.")
