"""Locks between processes of this project on one host."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.paths import STATE
from problem import StepError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; other processes wait. The kernel releases the lock of a process that was killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusive() -> Iterator[None]:
    """Lock this checkout: a single `make` at a time changes its machines."""
    STATE.mkdir(exist_ok=True, mode=0o700)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StepError(
                "start",
                expected="no other make in this checkout",
                seen="another make that runs",
                next_command=f"wait for the other make; fuser -v {STATE / 'lock'} shows it",
            ) from error
        yield
