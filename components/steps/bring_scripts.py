"""Transport of the scripts of this project, and of the files that hosts share, to a host, outside of the state.

The state is rewritten at each step, so text in the state costs time: with the scripts in the standard input of
`prepare`, three quarters of the state were scripts. docs/decisions.md, "Scripts reach a host once".
"""

from __future__ import annotations

import pulumi

from components.settings import Ssh
from components.steps.explain import connection_problem
from components.steps.scripts import install_scripts
from components.steps.ssh import login_command, run_as_root
from components.steps.step import Step
from components.steps.wanted import Wanted
from components.steps.watch import Watch
from problem import Problem


def bring_scripts(wanted: Wanted, watch: Watch) -> pulumi.ResourceHook:
    """A hook before `prepare` that installs this version of the scripts on the host, and its shared files, verified.

    A preview runs no hook.
    """

    async def bring(arguments: pulumi.ResourceHookArgs) -> None:
        step, ssh = wanted.step_of(arguments.name), wanted.settings.ssh
        text = install_scripts(identity=wanted.identity, files=step.shared_files)
        answer = await run_as_root(step.host, ssh, text, attempts=ssh.dial_error_limit)
        if answer.status != 0:
            raise pulumi.RunError(str(_problem(step, ssh, answer.log)))
        watch.begins(step)

    return pulumi.ResourceHook(wanted.resource_name("scripts"), bring)


def _problem(step: Step, ssh: Ssh, log: str) -> Problem:
    host = step.host
    return connection_problem(step, ssh, log) or Problem(
        f"{host.name}: {step.name}",
        expected="the host to take the scripts of this project",
        seen=log.strip() or "nothing",
        next_command=f"{login_command(host, ssh)} sudo -n true",
    )
