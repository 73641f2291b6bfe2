"""A watch over machines on which steps run: the provider would wait without end for one whose SSH server freezes.

A kernel that is gone ends a connection within minutes, by the keepalive of TCP. One that lives answers it for ever.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pulumi

from components.settings import Ssh
from components.steps.ssh import SILENT, login_command, silence_of
from components.steps.step import Step, StepName
from problem import Problem

LOOK_SECONDS = 60
SILENT_LOOKS = 10
PATIENCE_SECONDS = 30
"""Time for an answer. A machine that is busy with a step may need longer than `perDialTimeout`."""
PROVIDER = "pulumi-resource-command"
PROCESSES = Path("/proc")


class Watch:
    """Ends the update where all steps that still run have had a silent machine for SILENT_LOOKS looks.

    Only a machine that lets the time pass is silent: one that refuses or closes a connection may bar this address, and
    run a step meanwhile.
    """

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh
        self._patient = ssh.model_copy(update={"per_dial_timeout": max(PATIENCE_SECONDS, ssh.per_dial_timeout)})
        self._running: dict[tuple[str, StepName], Step] = {}
        self._looking: asyncio.Task[None] | None = None

    def begins(self, step: Step) -> None:
        """Watch a step that is about to run."""
        self._running[step.key] = step
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    def ends(self, step: Step) -> None:
        """Watch it no more; of one that never began too."""
        self._running.pop(step.key, None)
        if not self._running and self._looking:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        silent: Counter[str] = Counter()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            hosts = {step.host.name: step.host for step in self._running.values()}
            seen = await asyncio.gather(*(silence_of(host, self._patient) for host in hosts.values()))
            silent = Counter({name: silent[name] + 1 for name, said in zip(hosts, seen, strict=True) if said == SILENT})
            if all(silent[step.host.name] >= SILENT_LOOKS for step in self._running.values()):
                self._give_up()
                return

    def _give_up(self) -> None:
        """Say which steps wait, and end the provider: the engine then fails them, and keeps its state in order."""
        providers = list(_providers())
        for step in self._running.values():
            pulumi.log.error(str(_problem(step, self._ssh, is_ended=bool(providers))))
        for process in providers:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def _problem(step: Step, ssh: Ssh, *, is_ended: bool) -> Problem:
    host = step.host
    first = "" if is_ended else "press Ctrl-C twice; "
    return Problem(
        f"{host.name}: {step.name}",
        expected="its SSH server to answer while the step runs",
        seen=f"{SILENT_LOOKS} looks without an answer, one every {LOOK_SECONDS} s",
        next_command=f"{first}{login_command(host, ssh)}; once the machine answers: pulumi up, which waits for a step"
        " that still runs",
    )


def _providers() -> Iterator[int]:
    """The command provider of this update: a child of the nearest ancestor that has one, which is the engine."""
    parents = {int(each.name): _parent(each) for each in PROCESSES.glob("[0-9]*")}
    ancestor = parents.get(os.getpid())
    while ancestor:
        found = [child for child, parent in parents.items() if parent == ancestor and _program(child) == PROVIDER]
        if found:
            yield from found
            return
        ancestor = parents.get(ancestor)


def _parent(process: Path) -> int | None:
    """The parent of a process; None for a process that has ended. Its name, in parentheses, may have any character."""
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def _program(process: int) -> str:
    with suppress(OSError):
        return (PROCESSES / str(process) / "exe").readlink().name
    return ""
