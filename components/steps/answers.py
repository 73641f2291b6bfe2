"""A check that machines answer, before the command provider waits for a silent machine without end.

The provider (1.2.1) limits the time of TCP only, and the kernel of a machine accepts a connection whose SSH server is
frozen; nothing ends the command then. docs/decisions.md, "A machine is asked for an answer before each step".
"""

from __future__ import annotations

import asyncio
import time

import pulumi

from components.settings import Host, Ssh
from components.steps.explain import connection_problem
from components.steps.replaced import refuse_replacement
from components.steps.ssh import login_command, silence_of
from components.steps.step import Step
from components.steps.wanted import Wanted
from components.steps.watch import Watch
from problem import Problem

FRESH_SECONDS = 20
"""Time for which an answer counts. OpenSSH bars an address that connects without a login more than once a second
(PerSourcePenalties, `noauth`), and a hundred memberships may begin on a control plane at once."""


class Answers:
    """Asks machines whether their SSH server answers, each one once for all steps that begin at about the same time."""

    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh
        self._dials: dict[str, tuple[float, asyncio.Task[str]]] = {}

    async def silence(self, host: Host) -> str:
        """Probe a machine, with the attempts of the settings; return the error, or an empty text after an answer."""
        began, asking = self._dials.get(host.name, (0.0, None))
        is_known = asking and (not asking.done() or (not asking.result() and time.monotonic() - began < FRESH_SECONDS))
        if not asking or not is_known:
            asking = asyncio.create_task(silence_of(host, self._ssh, attempts=self._ssh.dial_error_limit))
            self._dials[host.name] = (time.monotonic(), asking)
        return await asking


def demand_answer(wanted: Wanted, watch: Watch) -> pulumi.ResourceHook:
    """A hook before a step: fails where the machine does not answer, and watches the machine. Not in a preview."""
    answers = Answers(wanted.settings.ssh)

    async def demand(arguments: pulumi.ResourceHookArgs) -> None:
        step = wanted.step_of(arguments.name)
        refuse_replacement(step, wanted, arguments)
        seen = await answers.silence(step.host)
        if seen:
            raise pulumi.RunError(str(silence_problem(step, wanted.settings.ssh, seen)))
        watch.begins(step)

    return pulumi.ResourceHook(wanted.resource_name("answers"), demand)


def silence_problem(step: Step, ssh: Ssh, seen: str) -> Problem:
    """The problem of a machine that does not answer."""
    host = step.host
    return connection_problem(step, ssh, seen) or Problem(
        f"{host.name}: {step.name}",
        expected="an answer of its SSH server",
        seen=seen,
        next_command=f"{login_command(host, ssh)} true",
    )
