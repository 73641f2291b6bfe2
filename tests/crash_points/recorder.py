"""Recorder of an undisturbed run: the files of the machine as if the run had ended at each of its points.

A process that is stopped before a call changes nothing, so the files are those of a run that was killed there. Files
are read again only after a call that changed a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash_points.snapshot import NOT_OF_A_RUN, Snapshot, taken
from tests.crash_points.tracer import (
    ALLOCATING,
    CONTINUE,
    END_OF_CALL,
    SECCOMP_STOP,
    TO_CALL,
    WRITE,
    Tracer,
    call_of,
    half_written,
)

STAGING = "run/pulumi-kubeadm"
"""Directory of files that are staged for a run; a power cut empties it."""


@dataclass
class Recorder(Tracer):
    """A run with points.sh, whose commands write to a file at each of their points.

    Attributes:
        marker: file to which the commands write.
        killed: the machine before each command.
        torn: the machine before each change of a file, with half of a write.
        cut_off: the machine after a loss of power there: without what is not synced.
        allocations: the number of changes that need room on the disk.
        printed: number of writes to the pipes before each command.
    """

    marker: Path = Path()
    killed: list[Snapshot] = field(default_factory=list)
    torn: list[Snapshot] = field(default_factory=list)
    cut_off: list[Snapshot] = field(default_factory=list)
    allocations: int = 0
    printed: list[int] = field(default_factory=list)
    _prints: int = 0
    _now: Snapshot | None = None
    _is_stale: bool = True
    _changing: set[int] = field(default_factory=set)

    def _goes_on(self, pid: int, event: int, received: int) -> int:
        if received == END_OF_CALL and pid in self._changing:
            self._changing.discard(pid)
            self._is_stale = True
        return TO_CALL if event == SECCOMP_STOP and pid in self._changing else CONTINUE

    def _is_the_end(self, pid: int) -> bool:
        number, arguments = call_of(pid)
        paths = self._paths(pid, number, arguments)
        if number == WRITE and paths[0] == str(self.marker):
            self.killed.append(self._look())
            self.printed.append(self._prints)
        elif number == WRITE and paths[0] in self.pipes:
            self._prints += 1
        elif self._is_change(number, paths):
            self._record(pid, number, arguments, paths)
        if any(self._is_of_machine(path) for path in paths):
            self._changing.add(pid)
        return False

    def _look(self) -> Snapshot:
        if self._now is None or self._is_stale:
            self._is_stale = False
            self._now = taken(self.root, self._now)
        return self._now

    def _record(self, pid: int, number: int, arguments: Sequence[int], paths: Sequence[str]) -> None:
        now = self._look()
        self.allocations += number in ALLOCATING
        self.cut_off.append(self._after_power_cut(now))
        path = self._below(paths[0]) if paths else ""
        if number == WRITE and path in now.files:
            position, half = half_written(pid, *arguments[:3])
            there = now.files[path][1].ljust(position, b"\0")
            self.torn.append(now.changed({path: there[:position] + half + there[position + len(half) :]}))
        else:
            self.torn.append(now)
        self._remember(pid, number, arguments, paths)

    def _after_power_cut(self, now: Snapshot) -> Snapshot:
        lengths = {self._below(path): length for path, length in self.unsynced.items()}
        lost = {
            path: content[:length].ljust(length, b"\0")
            for path, length in lengths.items()
            if path in now.files and len(content := now.files[path][1]) != length
        }
        left = now.changed(lost) if lost else now
        return left.without(STAGING) if STAGING in left.files else left

    def _below(self, path: str) -> str:
        return path.removeprefix(f"{self.root}/")

    def _is_of_machine(self, path: str) -> bool:
        below = self._below(path)
        return below != path and not below.startswith(NOT_OF_A_RUN)
