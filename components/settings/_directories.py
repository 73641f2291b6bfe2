"""Contradictions of directories of a host that a stack chooses: places in which no data stay."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings import Settings
from components.settings.backup import STATE

NOT_FOR_DATA = {
    **dict.fromkeys(("/dev", "/proc", "/run", "/sys", "/tmp", "/var/run"), "a boot empties it"),
    **dict.fromkeys(("/boot", "/etc", "/usr"), "it belongs to the system"),
    **dict.fromkeys(
        ("/var/lib/containerd", "/var/lib/etcd", "/var/lib/kubelet", STATE), "Kubernetes, or this project, has it"
    ),
}
"""Directories in which neither volumes nor bundles lie, and why."""


def contradictions_of_directories(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    volumes, bundles = settings.local_path.directory, settings.backup.directory
    for other, reason in NOT_FOR_DATA.items():
        if f"{volumes}/".startswith(f"{other}/"):
            yield f"localPath.directory: a directory for volumes outside of {other}: {reason}, found {volumes!r}"
        if f"{bundles}/".startswith(f"{other}/") and not bundles.startswith(f"{STATE}/"):
            yield f"backup.directory: a directory for bundles outside of {other}: {reason}, found {bundles!r}"
