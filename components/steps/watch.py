"""A watch over machines on which steps run: the provider waits without end for a machine whose SSH server freezes.

The keepalive of TCP ends a connection to a dead machine within minutes, but the kernel of a frozen SSH server answers
it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

import pulumi

from components.settings import Host, Ssh
from components.steps.ssh import SILENT, login_command, run_as_root, silence_of
from components.steps.step import Step, StepName
from problem import Problem

LOOK_SECONDS = 60
SILENT_LOOKS = 10
PATIENCE_SECONDS = 30
"""Time for an answer. A machine that is busy with a step may need longer than `perDialTimeout`."""
PROVIDER = "pulumi-resource-command"
PROCESSES = Path("/proc")
IDLE = "no step runs"
LOOK_FOR_STEP = "lock=/run/pulumi-kubeadm/lock; [[ ! -e $lock ]] || flock --shared --nonblock $lock true"
"""Bash that succeeds where no step runs."""


@dataclass(frozen=True)
class Watched:
    """Something that the provider runs on a machine.

    Attributes:
        where: machine and script, as a problem names them.
        host: the machine.
        ssh: SSH settings of the machine.
        may_be_over: true for a deletion, whose begin and end no hook reports.
        way_out: the next command, where the machine stays silent.
    """

    where: str
    host: Host
    ssh: Ssh
    may_be_over: bool
    way_out: str


class Watch:
    """Ends the update when the machines of everything that still runs were silent for SILENT_LOOKS looks.

    A machine is silent if its SSH server lets the time limit pass. A server that refuses or closes a connection may bar
    this address while a step runs. No hook reports deletions, which the engine begins while the program waits for the
    end: the watch waits for a deletion only while its machine runs a step. All clusters of a program share a provider,
    which is ended when no cluster waits for a machine that answers.

    Attributes:
        waits: true while something runs on a machine that is not silent, or was not for long enough.
    """

    waits: bool

    _of_program: ClassVar[WeakSet[Watch]] = WeakSet()

    def __init__(self, ssh: Ssh) -> None:
        self._ssh, self.waits = ssh, False
        self._of_program.add(self)
        self._running: dict[tuple[str, StepName], Watched] = {}
        self._deletions: list[Watched] = []
        self._looking: asyncio.Task[None] | None = None

    def begins(self, step: Step) -> None:
        """Watch a step that is about to run."""
        login = login_command(step.host, self._ssh)
        way_out = f"{login}; once the machine answers: pulumi up, which waits for a step that still runs"
        watched = Watched(f"{step.host.name}: {step.name}", step.host, self._ssh, may_be_over=False, way_out=way_out)
        self._running[step.key] = watched
        self._begin_to_look()

    def ends(self, step: Step) -> None:
        """Stop watching a step; a step that never began is no error."""
        self._running.pop(step.key, None)
        if not self._running and not self._deletions and self._looking:
            self._looking.cancel()
            self._looking, self.waits = None, False

    def expects(self, deletions: Iterable[Watched]) -> None:
        """Watch deletions until the program ends."""
        self._deletions = list(deletions)
        if self._deletions:
            self._begin_to_look()

    def _begin_to_look(self) -> None:
        self.waits = True
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        silent, quiet = Counter[str](), Counter[str]()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            watched = [*self._running.values(), *self._deletions]
            seen = await _seen(watched)
            silent = Counter({name: silent[name] + 1 for name, status in seen.items() if status == SILENT})
            quiet = Counter({name: quiet[name] + 1 for name, status in seen.items() if status in {SILENT, IDLE}})
            now = [*self._running.values(), *self._deletions]
            stuck = [each for each in now if silent[each.host.name] >= SILENT_LOOKS]
            looks = ((quiet if each.may_be_over else silent)[each.host.name] for each in now)
            self.waits = any(number < SILENT_LOOKS for number in looks)
            if stuck and not any(each.waits for each in self._of_program):
                _give_up(stuck)
                return


async def _seen(watched: list[Watched]) -> dict[str, str]:
    """The finding of each machine: SILENT, IDLE where it answers and runs no step, or another text.

    While all machines answer, no machine gets a login.
    """
    machines = {each.host.name: each for each in watched}
    seen = dict(zip(machines, await asyncio.gather(*map(_silence, machines.values())), strict=True))
    if SILENT in seen.values():
        busy = {each.host.name for each in watched if not each.may_be_over}
        quiet = [name for name, status in seen.items() if not status and name not in busy]
        answers = await asyncio.gather(*(_runs_no_step(machines[name]) for name in quiet))
        seen |= {name: IDLE for name, is_idle in zip(quiet, answers, strict=True) if is_idle}
    return seen


async def _silence(watched: Watched) -> str:
    seconds = max(PATIENCE_SECONDS, watched.ssh.per_dial_timeout)
    return await silence_of(watched.host, watched.ssh.model_copy(update={"per_dial_timeout": seconds}))


async def _runs_no_step(watched: Watched) -> bool:
    try:
        answer = await run_as_root(watched.host, watched.ssh, LOOK_FOR_STEP)
    except OSError:  # this computer has no process, descriptor or room left for a moment: the watch has to go on
        return False
    return answer.status == 0


def _give_up(stuck: Iterable[Watched]) -> None:
    """Log the silent machines, and end the provider: the engine then fails the steps, and keeps its state."""
    providers = list(_providers())
    for each in stuck:
        pulumi.log.error(str(_problem(each, is_ended=bool(providers))))
    for process in providers:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def _problem(watched: Watched, *, is_ended: bool) -> Problem:
    return Problem(
        watched.where,
        expected="its SSH server to answer while the step runs",
        seen=f"{SILENT_LOOKS} looks without an answer, one every {LOOK_SECONDS} s",
        next_command=f"{'' if is_ended else 'press Ctrl-C twice; '}{watched.way_out}",
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
