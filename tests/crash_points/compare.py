"""The end state of a machine, and where two of them differ."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from pathlib import Path

NOT_COMPARED = {
    "stubs": "the fake programs",
    "calls": "what the fake programs were called with; a run that goes on calls fewer",
    "usr/local/lib": "the scripts, which no step changes",
    "var/log/pulumi-kubeadm": "the log of the last run",
    "run/pulumi-kubeadm/lock": "empty; a reboot takes it away",
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
            found[name] = f"{mode} {_content(path, is_bundle=name.startswith(BUNDLES)) if path.is_file() else ''}"
    return found


def _content(path: Path, *, is_bundle: bool) -> str:
    """Of a bundle only whether it is whole: its bytes have the time of the run."""
    if not is_bundle:
        return path.read_text()
    return "whole" if _is_whole(path) else "not whole"


def _is_whole(path: Path) -> bool:
    """Whether a bundle holds a snapshot, and the files of its checksums with their content, and no others."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(path.read_bytes()))) as archive:
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
