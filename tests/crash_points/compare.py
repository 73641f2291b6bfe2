"""The end state of a machine, and the differences between two end states."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import tarfile
import zlib
from collections.abc import Mapping

NOT_COMPARED = {
    "stubs": "the fake programs",
    "calls": "what the fake programs were called with; a run that goes on calls fewer",
    "usr/local/lib": "the scripts, which no step changes",
    "var/log/pulumi-kubeadm": "the log of the last run",
    "run/pulumi-kubeadm/(lock|leaving)": "empty; a reboot takes it away",
    "proc/uptime": "time",
    "var/lib/pulumi-kubeadm$": "each run makes the directory; what is in it is compared",
    "etc/kubernetes/api-server$": "the first file makes the directory, and an edit that is taken back leaves it",
    "world/requests": "the number of requests to the API",
    "world/restarts-": "how often a component restarted; what it runs with is compared",
    "var/lib/etcd/before-recovery-[^.]*$": "a copy of the data for each attempt of a recovery",
}
"""Expressions for the beginnings of paths, with the reason."""
SKIPPED = re.compile("|".join(NOT_COMPARED))

BUNDLES = "var/lib/pulumi-kubeadm/etcd-snapshots/"

Entry = tuple[int, bytes]
"""Mode, and content of a file or target of a link."""
State = dict[str, str]
"""Mode and content by path."""


def state_of_files(files: Mapping[str, Entry]) -> State:
    """The compared part of the files of a machine."""
    return {path: _shown(path, *entry) for path, entry in files.items() if not SKIPPED.match(path)}


def _shown(path: str, mode: int, content: bytes) -> str:
    """Mode and content; of a bundle the fact that it is whole, because its bytes depend on the time of the run."""
    if stat.S_ISREG(mode) and path.startswith(BUNDLES):
        return f"{mode:o} {'whole' if _is_whole(content) else 'not whole'}"
    return f"{mode:o} {os.fsdecode(content)}"


def _is_whole(content: bytes) -> bool:
    """True for a bundle with a snapshot and exactly the files of its checksums, with their content."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
            opened = {each.name.removeprefix("./"): archive.extractfile(each) for each in archive if each.isfile()}
            files = {name: file.read() for name, file in opened.items() if file}
    except (OSError, EOFError, tarfile.TarError, zlib.error):
        return False
    listed = files.pop("SHA256SUMS", b"").decode().splitlines()
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items()]
    return "bundle.db" in files and sorted(sums) == sorted(line.replace("  ./", "  ") for line in listed)


def differences(expected: State, seen: State) -> list[str]:
    """A line for each path that differs."""
    return [
        f"{path}: expected {expected.get(path, 'nothing')!r}, saw {seen.get(path, 'nothing')!r}"
        for path in sorted(expected.keys() | seen.keys())
        if expected.get(path) != seen.get(path)
    ]
