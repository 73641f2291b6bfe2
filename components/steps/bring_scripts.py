"""The scripts of this project on their way to a host, outside of the state.

The state is written anew at each step, so text in it costs: with the scripts in the standard input of `prepare`, in the
inputs and in the outputs, three quarters of the state were scripts. docs/decisions.md, "Scripts reach a host once".
"""

from __future__ import annotations

import pulumi

from components.steps.explain import connection_problem
from components.steps.scripts import install_scripts
from components.steps.ssh import run_as_root
from components.steps.step import Step
from components.steps.wanted import Wanted


def bring_scripts(step: Step, wanted: Wanted) -> pulumi.ResourceHookBinding:
    """Hooks before `prepare` runs: the host has this version of the scripts, whole and verified.

    They do not run in a preview. An update connects only where the last one brought another version, or to another
    machine.
    """
    ssh = wanted.settings.ssh

    async def bring(_: pulumi.ResourceHookArgs) -> None:
        answer = await run_as_root(step.host, ssh, install_scripts())
        if answer.status != 0:
            raise pulumi.RunError(_explained(step, wanted, answer.log))

    hook = pulumi.ResourceHook(wanted.resource_name(step.subject, "scripts"), bring)
    has_them = wanted.reaches_same_machine(step) and not wanted.changed_variables(*step.key) & set(step.again_when)
    return pulumi.ResourceHookBinding(before_create=[hook], before_update=[] if has_them else [hook])


def _explained(step: Step, wanted: Wanted, log: str) -> str:
    host, ssh = step.host, wanted.settings.ssh
    login = f"ssh -p {host.port or ssh.port} {host.user or ssh.user}@{host.address} sudo -n true"
    return connection_problem(host, ssh, step.name, log) or (
        f"{host.name}: {step.name}: expected the host to take the scripts of this project,\n"
        f"  saw {log.strip() or 'nothing'}\n  Next: {login}"
    )
