"""The plan of a stack file after an update."""

from __future__ import annotations

import pulumi

from components.lifetime import wanted_of
from components.review.passwords import Passwords
from components.review.plan import plan
from components.review.refusals import refuse_impossible_changes
from components.settings.stack_file import SettingsError, parse_settings
from components.steps.last_update import LastUpdate, last_update_of
from components.steps.wanted import Wanted
from tests.unit.support import recording
from tests.unit.support.recording import Recording
from tests.unit.support.stacks import Stack

ADDRESSES = "kube-system/pulumi-kubeadm-nodes"
"""The object with the addresses of the nodes, which changes with each host that comes or goes."""


def state_of(run: Recording) -> LastUpdate:
    """The state that a run of the program would leave."""
    return last_update_of("cluster", recording.state_of(run.resources))


def wanted_by(stack: Stack, last: LastUpdate) -> Wanted:
    """The wanted steps of a stack file after the last update."""
    pulumi.runtime.set_mocks(recording._Machines(preview=True, before=None), project=recording.PROJECT, stack="test")
    return wanted_of("cluster", parse_settings(stack), last)


def planned(
    stack: Stack,
    last: LastUpdate,
    password: str = recording.PASSWORD,
    *,
    repository_password: str = recording.REPOSITORY_PASSWORD,
) -> list[str]:
    """The lines of the plan, without their indentation."""
    passwords = Passwords({"hub.example.com": password}, {"apt.example.com": repository_password})
    return [line.strip() for line in plan(wanted_by(stack, last), passwords)]


def impossible(stack: Stack, last: LastUpdate) -> list[str]:
    """The reasons why a running cluster cannot follow a stack file."""
    try:
        refuse_impossible_changes(wanted_by(stack, last))
    except SettingsError as error:
        return error.problems
    return []
