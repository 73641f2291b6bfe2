"""A running Pulumi: its lines one by one, and an orderly end."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local.paths import LOGS, REPOSITORY
from local.report import say
from local.toolchain import environment as tool_environment


class Streamed:
    """A Pulumi process whose lines are read while it runs, and kept in a log."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command, self._log = command, log

    def __enter__(self) -> tuple[subprocess.Popen[str], Iterator[str]]:
        LOGS.mkdir(parents=True, exist_ok=True)
        self._file = self._log.open("a")
        environment = tool_environment()
        program = shutil.which(self._command[0], path=environment["PATH"]) or self._command[0]
        self._process = subprocess.Popen(
            [program, *self._command[1:]],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self._process, self._lines()

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._file.write(line)
            self._file.flush()
            yield line.rstrip("\n")

    def _end(self) -> None:
        """Log the remaining lines, so that no full pipe blocks Pulumi, and wait for its end."""
        for _ in self._lines():
            pass
        self._process.wait()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            # Ctrl-C reaches Pulumi too, which writes its state and releases its lock.
            say("\n  Pulumi ends the steps that run, which may take minutes. Ctrl-C again aborts them; both are safe.")
            with suppress(KeyboardInterrupt):
                self._end()
        self._end()
        if self._process.stdout:
            self._process.stdout.close()
        self._file.close()
