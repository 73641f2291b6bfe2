"""Requirements of local machines on the kernel of this host, which they share."""

from __future__ import annotations

from pathlib import Path

from local.commands import run
from local.debian import install_packages
from local.report import say
from problem import StepError

INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
NEEDED_INSTANCES = 512
"""A machine takes about 20, for systemd, kubelet, containerd and Calico; Debian's limit for root is 128 in all."""

BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
"""File of br_netfilter, the only module that must be loaded explicitly. Machines share it."""


def ensure_host_kernel() -> None:
    """Raise limits for the machines of several environments, and make bridges filter, until the next reboot.

    Raises:
        StepError: a limit is too low and cannot be raised, or a module cannot be loaded.
    """
    _ensure_limit()
    _ensure_bridge_filter()


def _ensure_bridge_filter() -> None:
    if BRIDGE_FILTER.exists():
        return
    install_packages(["kmod"], why="to load a kernel module")
    run(["modprobe", "br_netfilter"], step="load the kernel module br_netfilter on this host", log="machines")
    say("  The kernel module br_netfilter is loaded on this host, until a reboot.")


def _ensure_limit() -> None:
    seen = int(INOTIFY_INSTANCES.read_text())
    if seen >= NEEDED_INSTANCES:
        return
    try:
        INOTIFY_INSTANCES.write_text(f"{NEEDED_INSTANCES}\n")
    except OSError as error:
        raise StepError(
            "check the limits of this host",
            expected=f"fs.inotify.max_user_instances of at least {NEEDED_INSTANCES}",
            seen=f"{seen}, and the limit cannot be raised from here: {error.strerror}",
            next_command=f"sysctl fs.inotify.max_user_instances={NEEDED_INSTANCES}, outside of this container",
        ) from error
    say(f"  fs.inotify.max_user_instances of this host is raised from {seen} to {NEEDED_INSTANCES}, until a reboot.")
