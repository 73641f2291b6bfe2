"""The only module that makes remote commands.

Every command has the same constant `create`; what differs travels in its standard input, as bash that another program
wrote: assignments and staged files, each value quoted, and last the names of scripts in `scripts/steps`. The reasons
are in docs/decisions.md, "Remote commands".
"""

from __future__ import annotations

import pulumi
from pulumi_command import remote

from components.host_files import File
from components.steps.bring_scripts import bring_scripts
from components.steps.connection import connection_of
from components.steps.explain import explain_connection_failure
from components.steps.step import Step, StepName
from components.steps.wanted import Wanted

CREATE = "sudo -n bash -euo pipefail -s"
VERIFY = f"{CREATE} -- verify"
"""Tells a step that it already succeeded once: it may check, mend and upgrade, but never start over."""
DELETE = f"{CREATE} -- delete"
"""Runs the step's `undo` instead."""


def run_step(
    step: Step,
    wanted: Wanted,
    *,
    secret_files: pulumi.Input[list[File]] | None = None,
    keeps_input: bool = False,
    opts: pulumi.ResourceOptions,
) -> remote.Command:
    """A command that runs a step on its host as root.

    Args:
        step: what runs, and where.
        wanted: the steps of the cluster, and the last update.
        secret_files: more files for the step; a preview shows only that something changed.
        keeps_input: the recorded standard input is still right, whatever the program would give the step now.
        opts: at least the parent.
    """
    if secret_files is None:
        stdin: pulumi.Input[str] = step.text()
    else:
        stdin = pulumi.Output.from_input(secret_files).apply(step.text)
    is_secret = secret_files is not None and not keeps_input
    ignored = ["stdin"] if keeps_input else []
    # A rotated SSH key alone runs nothing again. An `undo` runs over the stored connection, which follows the key.
    is_same = (keeps_input or wanted.is_unchanged(step)) and wanted.reaches_same_machine(step)
    if not is_secret and not step.undo and is_same:
        ignored.append("connection")
    return remote.Command(
        wanted.resource_name(step.subject, step.name),
        connection=connection_of(step.host, wanted.settings.ssh),
        create=CREATE,
        update=VERIFY if step.verifies_on_update else None,
        delete=DELETE if step.undo else None,
        stdin=stdin,
        logging=remote.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                delete_before_replace=True,
                additional_secret_outputs=["stdout"] if step.returns_secret else [],
                hooks=_hooks(step, wanted),
                ignore_changes=ignored,
            ),
            opts,
        ),
    )


def forget(step: Step, wanted: Wanted, *, opts: pulumi.ResourceOptions) -> remote.Command:
    """The command of a machine that is gone, as it was: nothing runs, now or when it leaves the stack."""
    return remote.Command(
        wanted.resource_name(step.subject, step.name),
        connection=connection_of(step.host, wanted.settings.ssh),
        create=CREATE,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                retain_on_delete=True,
                ignore_changes=["connection", "stdin", "update", "delete", "logging", "addPreviousOutputInEnv"],
            ),
            opts,
        ),
    )


def _hooks(step: Step, wanted: Wanted) -> pulumi.ResourceHookBinding:
    """Every step explains a host that does not let it in; the first step of a host brings the scripts."""
    hooks = explain_connection_failure(wanted.resource_name(step.subject, step.name), step, wanted.settings.ssh)
    if step.name is StepName.PREPARE:
        hooks = pulumi.ResourceHookBinding.merge(hooks, bring_scripts(step, wanted))
    return hooks
