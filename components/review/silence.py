"""Machines on which a leaving host is drained, deleted or reset: probed before the update, and watched until its end.

A control plane is told which hosts leave: it takes no other node out of the cluster.

The provider waits without end for a machine that accepts a connection and is silent. No hook probes a machine before a
deletion: a `pulumi destroy` does not run the program, and would fail without the hook.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi

from components.settings import Bastion, Host, Ssh
from components.steps.ssh import login_command, run_as_root, silence_of
from components.steps.step import StepName, UndoName
from components.steps.wanted import Wanted
from components.steps.watch import Watch, Watched
from problem import Problem

LEAVING = "/run/pulumi-kubeadm/leaving"
"""Directory of a sponsor with a file for each host that leaves; `leave` looks there."""


@dataclass(frozen=True)
class Departure:
    """A script that runs because a host leaves.

    Attributes:
        leaving: name of the host that leaves.
        script: name of the script.
        machine: machine on which the script runs, as the last update recorded it: a leaving host has no settings any
            more.
        ssh: SSH settings of the machine.
    """

    leaving: str
    script: UndoName
    machine: Host
    ssh: Ssh

    @property
    def where(self) -> str:
        """Machine and script, as a problem names them."""
        return f"{self.machine.name}: {self.script}"

    @property
    def way_out(self) -> str:
        """The next command, where the machine does not answer."""
        dead = self.leaving if self.script is UndoName.RESET else self.machine.name
        return (
            f"start the machine, pulumi up; if it is dead: write the line of {self.leaving} back, `gone: true` into"
            f" that of {dead}, pulumi up, then delete the line of {self.leaving}"
        )


def refuse_silent_machines(wanted: Wanted) -> None:
    """Probe each machine on which a leaving host is drained, deleted or reset; a preview connects to no machine.

    Raises:
        pulumi.RunError: a machine does not answer. Nothing was registered.
    """
    departures = [] if pulumi.runtime.is_dry_run() else list(_departures(wanted))
    if not departures:
        return
    with ThreadPoolExecutor(1) as thread:  # the program runs inside of an event loop
        seen = thread.submit(asyncio.run, _silences(departures)).result()
    problems = [str(_problem(each, silence)) for each, silence in zip(departures, seen, strict=True) if silence]
    if problems:
        raise pulumi.RunError("\n".join(problems))


def announce_departures(wanted: Wanted) -> None:
    """Tell the sponsor of each host that leaves the stack; a preview connects to no machine.

    `leave` refuses all others: `pulumi destroy` of a part, or an edited state, would drain nodes of hosts that stay.
    A sponsor that cannot be told is warned of, and passed over: no command may run there.
    """
    last = wanted.last
    leaving = set(last.hosts_with(StepName.MEMBERSHIP)) - wanted.settings.hosts.keys()
    found = [_leave(wanted, name) for name in sorted(leaving) if not last.has_departed(name)]
    if found and not pulumi.runtime.is_dry_run():
        with ThreadPoolExecutor(1) as thread:  # the program runs inside of an event loop
            problems = thread.submit(asyncio.run, _announce([each for each in found if each])).result()
        for problem in problems:
            pulumi.log.warn(str(problem))


def watch_departures(wanted: Wanted, watch: Watch) -> None:
    """Watch these machines until the end, where the engine deletes hosts; a preview watches none."""
    if not pulumi.runtime.is_dry_run():
        watch.expects(
            Watched(each.where, each.machine, each.ssh, may_be_over=True, way_out=each.way_out)
            for each in _departures(wanted)
        )


def _departures(wanted: Wanted) -> Iterator[Departure]:
    """Departures of members. For other hosts the state does not say whether they are gone, and so not visited."""
    last, hosts = wanted.last, wanted.settings.hosts
    for name in last.hosts_with(StepName.PREPARE):
        if name in hosts or not last.is_member(name):
            continue
        leave, prepared = _leave(wanted, name), last.step(name, StepName.PREPARE)
        if leave:
            yield leave
        if prepared:
            yield _departure(name, UndoName.RESET, name, prepared.connection, wanted.settings.ssh)


def _leave(wanted: Wanted, name: str) -> Departure | None:
    recorded = wanted.last.step(name, StepName.MEMBERSHIP)
    sponsor = wanted.last.value(name, StepName.MEMBERSHIP, "HOST_NAME")
    if not recorded or not sponsor:
        return None
    return _departure(name, UndoName.LEAVE, sponsor, recorded.connection, wanted.settings.ssh)


async def _announce(departures: list[Departure]) -> list[Problem]:
    """Connect once to each sponsor; return a problem for each that was not told."""
    sponsors = {each.machine.name: (each.machine, each.ssh) for each in departures}
    problems = []
    for name, (machine, ssh) in sponsors.items():
        leaving = [each.leaving for each in departures if each.machine.name == name]
        text = f"umask 077\nmkdir -p {LEAVING}\ncd {LEAVING}\n{shlex.join(['touch', *leaving])}\n"
        answer = await run_as_root(machine, ssh, text, attempts=ssh.dial_error_limit)
        if answer.status != 0:
            expected = f"the machine to learn that {', '.join(leaving)} left the stack, for it takes no other node out"
            next_command = f"{login_command(machine, ssh)} sudo -n mkdir -p {LEAVING}; then pulumi up"
            seen = answer.log.strip() or f"exit status {answer.status}"
            problems.append(Problem(f"{name}: leave", expected=expected, seen=seen, next_command=next_command))
    return problems


def _departure(leaving: str, script: UndoName, name: str, connection: Mapping[str, Any], ssh: Ssh) -> Departure:
    proxy = connection.get("proxy")
    bastion = Bastion(address=proxy["host"], **_login(proxy)) if proxy else None
    machine = Host(name=name, address=connection["host"], **_login(connection))
    return Departure(leaving, script, machine, ssh.model_copy(update={"bastion": bastion}))


def _login(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {"user": connection["user"], "port": int(connection["port"]), "host_key": connection["hostKey"]}


async def _silences(departures: list[Departure]) -> list[str]:
    """Probe each machine once; return the finding for each departure."""
    machines = {each.machine.name: (each.machine, each.ssh) for each in departures}
    answers = await asyncio.gather(
        *(silence_of(machine, ssh, attempts=ssh.dial_error_limit) for machine, ssh in machines.values())
    )
    seen = dict(zip(machines, answers, strict=True))
    return [seen[each.machine.name] for each in departures]


def _problem(departure: Departure, seen: str) -> Problem:
    return Problem(
        departure.where,
        expected=f"an answer of {departure.machine.address}, where this runs because {departure.leaving} leaves the"
        " stack",
        seen=f'"{seen}"',
        next_command=departure.way_out,
    )
