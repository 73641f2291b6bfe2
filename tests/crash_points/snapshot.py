"""The files of a machine in memory: read between two calls of a run, and restored by writing the differences."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tests.crash_points.compare import Entry, State, state_of_files

NOT_OF_A_RUN = ("stubs", "calls", "usr/local/lib")
"""The fake programs, their recorded calls, and the scripts: no run changes programs and scripts, or reads the calls."""


@dataclass(frozen=True)
class Snapshot:
    """Mode and content of each path below a root; snapshots share the contents that are the same."""

    files: Mapping[str, Entry]

    @cached_property
    def state(self) -> State:
        """The compared part of the files."""
        return state_of_files(self.files)

    @cached_property
    def key(self) -> str:
        """A text that is equal for machines without differences."""
        return repr(sorted(self.state.items()))

    def changed(self, changes: Mapping[str, bytes]) -> Snapshot:
        """The snapshot with other content in some files."""
        return replace(self, files={**self.files, **{path: (self.files[path][0], changes[path]) for path in changes}})

    def without(self, path: str) -> Snapshot:
        """The snapshot without a directory."""
        below = f"{path}/"
        kept = {each: entry for each, entry in self.files.items() if each != path and not each.startswith(below)}
        return replace(self, files=kept)

    def written(self, root: Path, there: Snapshot) -> Snapshot:
        """Bring this snapshot to a root that has the files of another one."""
        for path in sorted(there.files.keys() - self.files.keys(), reverse=True):
            _remove(root / path)
        for path in sorted(self.files):
            entry, before = self.files[path], there.files.get(path)
            if entry == before:
                continue
            if before is not None and (stat.S_IFMT(entry[0]) != stat.S_IFMT(before[0]) or stat.S_ISLNK(entry[0])):
                _remove(root / path)
            _write(root / path, *entry)
        return self


def taken(root: Path, before: Snapshot | None = None) -> Snapshot:
    """The files below a root; equal entries are shared with an earlier snapshot."""
    while True:
        try:
            return _taken(root, before)
        except FileNotFoundError:  # a call that is under way removed it
            continue


def _taken(root: Path, before: Snapshot | None) -> Snapshot:
    files: dict[str, Entry] = {}
    known = before.files if before else {}
    prefix = len(str(root)) + 1
    directories = [str(root)]
    while directories:
        with os.scandir(directories.pop()) as entries:
            for each in entries:
                path = each.path[prefix:]
                if path in NOT_OF_A_RUN:
                    continue
                if each.is_dir(follow_symlinks=False):
                    directories.append(each.path)
                entry = _entry(each)
                files[path] = known[path] if known.get(path) == entry else entry
    return before if before and known == files else Snapshot(files)


def _entry(found: os.DirEntry[str]) -> Entry:
    mode = found.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return mode, os.fsencode(Path(found.path).readlink())
    if not stat.S_ISREG(mode):
        return mode, b""
    descriptor = os.open(found.path, os.O_RDONLY)
    try:
        return mode, os.read(descriptor, found.stat(follow_symlinks=False).st_size)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, mode: int, content: bytes) -> None:
    if stat.S_ISLNK(mode):
        path.symlink_to(os.fsdecode(content))
        return
    if stat.S_ISDIR(mode):
        path.mkdir(exist_ok=True)
    else:
        path.write_bytes(content)
    path.chmod(stat.S_IMODE(mode))
