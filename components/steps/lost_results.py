"""The warning of a result that did not arrive: nothing is known then, and what is read from it would stay silent."""

from __future__ import annotations

import pulumi

from components.settings import Ssh
from components.steps.result import is_cut_off
from components.steps.ssh import CUT_OFF, login_command
from components.steps.step import Step, StepName
from problem import Problem

LOOKS = {
    StepName.PREPARE: ("machine-id, which no other host may have", "cat /etc/machine-id"),
    StepName.INIT: ("days on which certificates expire", "sudo kubeadm certs check-expiration"),
    StepName.JOIN: ("days on which certificates expire", "sudo kubeadm certs check-expiration"),
}
"""Content of the result of a step, and the command that prints it, too. A secret one has an error: Wanted.secret_in."""


def warn_of_lost_result(step: Step, ssh: Ssh, stdout: str) -> None:
    """Log the warning, in each update and preview that knows the standard output of the step."""
    warning = lost_result(step, ssh, stdout)
    if warning:
        pulumi.log.warn(str(warning))


def lost_result(step: Step, ssh: Ssh, stdout: str) -> Problem | None:
    """The warning; None for a result that arrived as a whole, and for a step that returns none, as a worker's join."""
    is_empty = step.name is StepName.JOIN and step.host.role == "worker"
    if step.name not in LOOKS or is_empty or not is_cut_off(stdout):
        return None
    what, look = LOOKS[step.name]
    login = login_command(step.host, ssh)
    return Problem(
        f"{step.host.name}: {step.name}",
        expected=f"the whole result of the step: the {what}",
        seen=f"{CUT_OFF}, so no warning comes of it until the step runs again",
        next_command=f"{login} {look}; `!log_output` for the login in sudoers, docs/security.md",
    )
