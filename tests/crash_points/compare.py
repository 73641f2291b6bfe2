"""The end state of a machine, and where two of them differ."""

from __future__ import annotations

import re
from pathlib import Path

NOT_COMPARED = {
    "stubs": "the fake programs",
    "calls": "what the fake programs were called with; a run that goes on calls fewer",
    "usr/local/lib": "the scripts, which no step changes",
    "var/log/pulumi-kubeadm": "the log of the last run",
    "run/pulumi-kubeadm/lock": "empty; a reboot takes it away",
    "proc/uptime": "time",
    "var/lib/pulumi-kubeadm$": "each run makes the directory; what is in it is compared",
    "world/requests": "the number of requests to the API",
    "world/restarts-": "how often a component restarted; what it runs with is compared",
    "var/lib/pulumi-kubeadm/etcd-snapshots": "a snapshot for each attempt of an upgrade",
}
"""Expressions for the beginnings of paths, with the reason."""
SKIPPED = re.compile("|".join(NOT_COMPARED))

State = dict[str, str]
"""Mode and content by path."""


def state_of(root: Path) -> State:
    """Everything below a root that counts."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if SKIPPED.match(name):
            continue
        mode = f"{path.lstat().st_mode:o}"
        if path.is_symlink():
            found[name] = f"{mode} {path.readlink()}"
        else:
            found[name] = f"{mode} {path.read_text() if path.is_file() else ''}"
    return found


def differences(expected: State, seen: State) -> list[str]:
    """A line for each path that differs."""
    return [
        f"{path}: expected {expected.get(path, 'nothing')!r}, saw {seen.get(path, 'nothing')!r}"
        for path in sorted(expected.keys() | seen.keys())
        if expected.get(path) != seen.get(path)
    ]
