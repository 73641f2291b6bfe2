"""Disturbs a run at its n-th change of a file: the kernel stops the run for its tracer before each such call.

A write at that point is carried out by half. With `loses_unsynced`, each file then ends where its first unsynced write
began, as in a file system that kept names without content: a new file is empty, a file with appended text has its
former length, and /run is empty, too. With `is_full` the run goes on, and every write from the point on fails: the disk
is full.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import signal
import struct
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

from tests.scripts.machine import Finished

IS_SUPPORTED = platform.machine() == "x86_64"
"""The architecture whose numbers of calls and registers are below."""

WRITE, OPEN, OPENAT, RENAME, RENAMEAT, RENAMEAT2 = 1, 2, 257, 82, 264, 316
UNLINK, UNLINKAT, RMDIR, MKDIR, MKDIRAT = 87, 263, 84, 83, 258
FSYNC, FDATASYNC, SYNCFS, SYNC, COPY_FILE_RANGE = 74, 75, 306, 162, 326
TRUNCATE, FTRUNCATE, CHMOD, FCHMOD, FCHMODAT, FCHMODAT2 = 76, 77, 90, 91, 268, 452
SYMLINK, SYMLINKAT, LINK, LINKAT = 88, 266, 86, 265
PATH_ARGUMENTS = {
    **dict.fromkeys((OPEN, UNLINK, RMDIR, MKDIR, TRUNCATE, CHMOD), ((None, 0),)),
    **dict.fromkeys((OPENAT, UNLINKAT, MKDIRAT, FCHMODAT, FCHMODAT2), ((0, 1),)),
    **dict.fromkeys((SYMLINK, LINK), ((None, 1),)),
    SYMLINKAT: ((1, 2),),
    LINKAT: ((2, 3),),
    RENAME: ((None, 0), (None, 1)),
    **dict.fromkeys((RENAMEAT, RENAMEAT2), ((0, 1), (2, 3))),
}
"""Positions of directory and path among the arguments of a call; a rename has two."""
DESCRIPTOR = {**dict.fromkeys((WRITE, FSYNC, FDATASYNC, SYNCFS, FTRUNCATE, FCHMOD), 0), COPY_FILE_RANGE: 2}
TRACED = (*PATH_ARGUMENTS, *DESCRIPTOR, SYNC)
ALLOCATING = {WRITE, COPY_FILE_RANGE, MKDIR, MKDIRAT}
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FLAGS_ARGUMENT = {OPEN: 1, OPENAT: 2}
HERE = -100  # AT_FDCWD

TRACE_ME, CONTINUE, GET_REGISTERS, SET_REGISTERS, TO_CALL, SET_OPTIONS, GET_SYSCALL = 0, 7, 12, 13, 24, 0x4200, 0x420E
ANSWER, NUMBER = 10, 15
"""Positions of rax and orig_rax among the registers."""
OPTIONS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x80 | 0x100000
"""Stops for fork, vfork, clone, exec, seccomp, and the end of a call; a run ends with its tracer."""
SECCOMP_STOP = 7
END_OF_CALL = signal.SIGTRAP | 0x80
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _filter() -> bytes:
    """A program of seccomp: stop for the tracer at each traced call; for `open` only where it may write."""
    load, equal, any_bit, end = 0x20, 0x15, 0x45, 0x06
    allow, trace = struct.pack("HBBI", end, 0, 0, 0x7FFF0000), struct.pack("HBBI", end, 0, 0, 0x7FF00000)
    program = struct.pack("HBBI", load, 0, 0, 0)
    for number in TRACED:
        if number in FLAGS_ARGUMENT:
            flags = struct.pack("HBBI", load, 0, 0, 16 + 8 * FLAGS_ARGUMENT[number])
            checked = flags + struct.pack("HBBI", any_bit, 0, 1, FOR_WRITING) + trace + allow
        else:
            checked = trace
        program += struct.pack("HBBI", equal, 0, len(checked) // 8, number) + checked
    return program + allow


def _be_traced() -> None:
    """Ask to be traced; runs in the child, before the program."""
    program = _filter()
    text = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(text))
    LIBC.ptrace(TRACE_ME, 0, None, None)
    LIBC.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if LIBC.prctl(22, 2, header, 0, 0) != 0:  # PR_SET_SECCOMP
        os._exit(99)


@dataclass
class Tracer:
    """One run.

    Attributes:
        root: the machine; changes below its /etc and /var are points, logs and etcd apart.
        point: the change at which the run ends.
        loses_unsynced: whether unsynced content is lost.
        is_full: writes fail, in place of an end of the run; only writes are points.
        points: changes and syncs so far.
        unsynced: length of the content that is on the disk, by file that was written and not synced since.
        too_early: files that were given their name before their content was on the disk.
        pipes: pipes to which the run prints.
    """

    root: Path
    point: int
    loses_unsynced: bool = False
    is_full: bool = False
    points: int = 0
    unsynced: dict[str, int] = field(default_factory=dict)
    too_early: list[str] = field(default_factory=list)
    pipes: set[str] = field(default_factory=set)

    def run(self, command: Sequence[str], text: str, environment: Mapping[str, str] | None = None) -> Finished:
        """Run a command to its end, or to the point."""
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=_be_traced,  # noqa: PLW1509  # no threads here
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            self.pipes = {_link(f"/proc/self/fd/{each.fileno()}") for each in (process.stdout, process.stderr)}
            # A text may be longer than a pipe holds, and the run waits for its tracer.
            feeding = Thread(target=_feed, args=(process.stdin, text))
            feeding.start()
            process.returncode = self._follow(process.pid)
            feeding.join()
            self._lose()
            return Finished(process.returncode, process.stdout.read(), process.stderr.read())

    def _follow(self, first: int) -> int:
        """Let every process of the run go on from stop to stop."""
        living, status_of_first = {first}, 0
        os.waitpid(first, 0)
        LIBC.ptrace(SET_OPTIONS, first, None, OPTIONS)
        LIBC.ptrace(CONTINUE, first, None, None)
        known = {first}
        while living:
            pid, status = os.waitpid(-1, 0x40000000)  # __WALL
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                living.discard(pid)
                status_of_first = os.waitstatus_to_exitcode(status) if pid == first else status_of_first
                continue
            living.add(pid)
            event, received = status >> 16, os.WSTOPSIG(status)
            if event == SECCOMP_STOP and self._is_the_end(pid):
                if not self.is_full:
                    for each in living:
                        os.kill(each, signal.SIGKILL)
                    continue
                _refuse(pid)
            is_ours = event or received == END_OF_CALL or (received == signal.SIGSTOP and pid not in known)
            known.add(pid)
            LIBC.ptrace(self._goes_on(pid, event, received), pid, None, 0 if is_ours else received)
        return status_of_first

    def _goes_on(self, _pid: int, _event: int, _received: int) -> int:
        """How a process goes on after a stop: to the next stop of the filter."""
        return CONTINUE

    def _is_the_end(self, pid: int) -> bool:
        """Count a call that changes a file of the machine; whether it is the point."""
        number, arguments = call_of(pid)
        paths = self._paths(pid, number, arguments)
        if not self._is_change(number, paths):
            return False
        if self.is_full and number not in ALLOCATING:
            return False
        self.points += 1
        if self.is_full:
            return 0 < self.point <= self.points
        if self.points == self.point:
            if number == WRITE and not self.loses_unsynced:
                _write_half(pid, *arguments[:3])
            return True
        self._remember(pid, number, arguments, paths)
        return False

    def _is_change(self, number: int, paths: Sequence[str]) -> bool:
        return number == SYNC or any(self._counts(path) for path in paths)

    def _paths(self, pid: int, number: int, arguments: Sequence[int]) -> list[str]:
        if number in DESCRIPTOR:
            return [_link(f"/proc/{pid}/fd/{arguments[DESCRIPTOR[number]]}")]
        found = []
        for directory, path in PATH_ARGUMENTS.get(number, ()):
            descriptor = HERE if directory is None else ctypes.c_int(arguments[directory]).value
            base = _link(f"/proc/{pid}/cwd" if descriptor == HERE else f"/proc/{pid}/fd/{descriptor}")
            found.append(os.path.normpath(Path(base) / _text(pid, arguments[path])))
        return found

    def _counts(self, path: str) -> bool:
        parts = Path(path).relative_to(self.root).parts if path.startswith(f"{self.root}/") else ()
        # etcd takes care of its own data.
        return parts[:1] in (("etc",), ("var",)) and parts[:2] != ("var", "log") and parts[:3] != ("var", "lib", "etcd")

    def _remember(self, pid: int, number: int, arguments: Sequence[int], paths: Sequence[str]) -> None:
        if number in {SYNC, SYNCFS}:
            self.unsynced.clear()
        elif number in {FSYNC, FDATASYNC, UNLINK, UNLINKAT}:
            self.unsynced.pop(paths[0], None)
        elif number in FLAGS_ARGUMENT:
            if arguments[FLAGS_ARGUMENT[number]] & os.O_TRUNC or not Path(paths[0]).exists():
                self.unsynced[paths[0]] = 0
        elif number in {WRITE, COPY_FILE_RANGE}:
            position = _position(pid, arguments[DESCRIPTOR[number]])
            self.unsynced[paths[0]] = min(position, self.unsynced.get(paths[0], position))
        elif number in {TRUNCATE, FTRUNCATE}:
            length = arguments[1]
            self.unsynced[paths[0]] = min(length, self.unsynced.get(paths[0], length))
        elif number in {RENAME, RENAMEAT, RENAMEAT2}:
            self._renamed(*paths)

    def _renamed(self, old: str, new: str) -> None:
        self.unsynced.pop(new, None)
        for path in [each for each in self.unsynced if each == old or each.startswith(f"{old}/")]:
            name = new + path.removeprefix(old)
            self.unsynced[name] = self.unsynced.pop(path)
            if not new.endswith(".new"):
                self.too_early.append(name)

    def _lose(self) -> None:
        if not self.loses_unsynced or self.points != self.point:
            return
        for path, length in self.unsynced.items():
            if Path(path).is_file():
                os.truncate(path, length)
        shutil.rmtree(self.root / "run" / "pulumi-kubeadm", ignore_errors=True)


def _feed(stdin: IO[str], text: str) -> None:
    with suppress(BrokenPipeError), stdin:
        stdin.write(text)


def call_of(pid: int) -> tuple[int, list[int]]:
    """Number and arguments of the call that a process stopped at."""
    answer = ctypes.create_string_buffer(128)
    if LIBC.ptrace(GET_SYSCALL, pid, 128, ctypes.addressof(answer)) < 0:
        return -1, []
    number, *arguments = struct.unpack_from("7Q", answer.raw, 24)
    return number, arguments


def _refuse(pid: int) -> None:
    """Let a call fail with ENOSPC. A fake program then ends, as the real one would."""
    if b"/stubs/" in Path(f"/proc/{pid}/cmdline").read_bytes():
        os.kill(pid, signal.SIGKILL)
        return
    registers = (ctypes.c_uint64 * 27)()
    LIBC.ptrace(GET_REGISTERS, pid, None, ctypes.addressof(registers))
    registers[NUMBER], registers[ANSWER] = ctypes.c_uint64(-1).value, ctypes.c_uint64(-errno.ENOSPC).value
    LIBC.ptrace(SET_REGISTERS, pid, None, ctypes.addressof(registers))


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _text(pid: int, address: int) -> str:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        # A path may end just before a page that is not there.
        found = memory.read(4096 - address % 4096)
        if b"\0" not in found:
            found += memory.read(4096)
    return found.partition(b"\0")[0].decode()


def half_written(pid: int, descriptor: int, address: int, length: int) -> tuple[int, bytes]:
    """Position and content of the first half of a write."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return _position(pid, descriptor), memory.read(length)[: length // 2]


def _write_half(pid: int, descriptor: int, address: int, length: int) -> None:
    position, half = half_written(pid, descriptor, address, length)
    with Path(f"/proc/{pid}/fd/{descriptor}").open("r+b", buffering=0) as file:
        file.seek(position)
        file.write(half)


def _position(pid: int, descriptor: int) -> int:
    """Position of the next write to a file: its end, if the file is open for appending."""
    lines = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().splitlines()
    information = dict(line.split(":\t", 1) for line in lines)
    if int(information["flags"], 8) & os.O_APPEND:
        return Path(f"/proc/{pid}/fd/{descriptor}").stat().st_size
    return int(information["pos"])
