"""Transport of the scripts of this project, and of the files that hosts share, to a host, outside of the state.

The state is rewritten at each step, so text in the state costs time: with the scripts in the standard input of
`prepare`, three quarters of the state were scripts. docs/decisions.md, "Scripts reach a host once".
"""

from __future__ import annotations

import time

import pulumi

from components.settings import Ssh
from components.steps.explain import connection_problem
from components.steps.replaced import refuse_replacement
from components.steps.scripts import install_scripts
from components.steps.ssh import login_command, run_as_root
from components.steps.step import Step
from components.steps.wanted import Wanted
from components.steps.watch import Watch
from problem import Problem

CLOCK_TOLERANCE_SECONDS = 300
SAY_CLOCK = "[[ -e /etc/kubernetes/kubelet.conf ]] || date +%s\n"
"""A machine that is no node yet prints its time, before it may wait for another run."""


def bring_scripts(wanted: Wanted, watch: Watch) -> pulumi.ResourceHook:
    """A hook before `prepare` that installs this version of the scripts on the host, and its shared files, verified.

    A preview runs no hook.
    """

    async def bring(arguments: pulumi.ResourceHookArgs) -> None:
        step, ssh = wanted.step_of(arguments.name), wanted.settings.ssh
        refuse_replacement(step, wanted, arguments)
        text = install_scripts(identity=wanted.identity, files=step.shared_files)
        if step.host.role == "control-plane":
            text = f"{SAY_CLOCK}{text}"
        began = time.time()
        answer = await run_as_root(step.host, ssh, text, attempts=ssh.dial_error_limit)
        problem = _problem(step, ssh, answer.log) if answer.status != 0 else _clock_problem(step, answer.output, began)
        if problem:
            raise pulumi.RunError(str(problem))
        watch.begins(step)

    return pulumi.ResourceHook(wanted.resource_name("scripts"), bring)


def _clock_problem(step: Step, output: str, began: float) -> Problem | None:
    """The problem of a control plane whose clock is wrong: by it the certificates of a new cluster are not valid yet.

    Args:
        step: the first step of the host.
        output: the time of the host, in seconds; empty for a node.
        began: the time of this computer before the host printed its time.
    """
    clock = output.strip()
    if not clock.isdecimal() or began - CLOCK_TOLERANCE_SECONDS <= int(clock) <= time.time() + CLOCK_TOLERANCE_SECONDS:
        return None
    return Problem(
        f"{step.host.name}: {step.name}",
        expected=f"a clock within {CLOCK_TOLERANCE_SECONDS} s of the one where Pulumi runs",
        seen=f"{int(clock) - int(began)} s of difference",
        next_command=f"date -u, on {step.host.name} and here; timedatectl set-ntp true on the one that is wrong",
    )


def _problem(step: Step, ssh: Ssh, log: str) -> Problem:
    host = step.host
    return connection_problem(step, ssh, log) or Problem(
        f"{host.name}: {step.name}",
        expected="the host to take the scripts of this project",
        seen=log.strip() or "nothing",
        next_command=f"{login_command(host, ssh)} sudo -n true",
    )
