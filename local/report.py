"""Output for a person: a line per step with its elapsed time, and a live line while the step runs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LIVE_INTERVAL_SECONDS = 0.5
BAR_WIDTH = 24

Progress = Callable[[float, str], None]
"""A function that takes the finished share (0 to 1) and the current activity."""


def say(line: str) -> None:
    """Print a line of plain information."""
    print(line, flush=True)


@contextmanager
def step(title: str, *, estimate_seconds: float | None = None) -> Iterator[Progress]:
    """Report a step: its title and elapsed time when it ends, a live line while it runs on a terminal.

    Args:
        title: the result of the step, such as "Kubernetes 1.36.3 is built".
        estimate_seconds: usual duration of the step without a cache; shown if it exceeds a minute.

    Yields:
        A function that takes the finished share and a few words; its first call draws a bar.
    """
    started = time.monotonic()
    share, doing = -1.0, ""

    def progress(new_share: float, words: str) -> None:
        nonlocal share, doing
        share, doing = new_share, words

    def live_line() -> str:
        return f"  ... {title} {_bar(share)}{doing} [{elapsed(started)}]"

    if estimate_seconds and estimate_seconds >= 60:
        say(f"  ... {title} (about {estimate_seconds / 60:.0f} min)")
    with _live(live_line):
        try:
            yield progress
        except BaseException:
            _finish(f"  FAILED {title}", started)
            raise
    _finish(f"  ok  {title}", started)


def elapsed(started: float) -> str:
    """Seconds since `started` (of time.monotonic), such as "4.2 s" or "12 min 30 s"."""
    seconds = time.monotonic() - started
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _bar(share: float) -> str:
    if share < 0:
        return ""
    filled = round(min(share, 1) * BAR_WIDTH)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] "


def _finish(text: str, started: float) -> None:
    clear = "\r\033[K" if sys.stdout.isatty() else ""
    say(f"{clear}{text}  [{elapsed(started)}]")


@contextmanager
def _live(line: Callable[[], str]) -> Iterator[None]:
    """Redraw `line()` on a terminal until the block ends; elsewhere print nothing."""
    if not sys.stdout.isatty():
        yield
        return
    ended = threading.Event()

    def redraw() -> None:
        while not ended.wait(LIVE_INTERVAL_SECONDS):
            print(f"\r\033[K{line()}", end="", flush=True)

    thread = threading.Thread(target=redraw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
