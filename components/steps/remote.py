"""The only module that makes remote commands.

Every command has the same constant `create`; what differs travels in its standard input, as bash that another program
wrote: assignments and staged files, each value quoted, and last the names of steps in `scripts/`. The reasons are in
docs/decisions.md, "Remote commands".
"""

from __future__ import annotations

import pulumi
from pulumi_command import remote

from components.settings import Settings
from components.steps.connection import connection_of, explain_connection_failure, is_same_machine
from components.steps.last_update import LastUpdate
from components.steps.step import File, Step

CREATE = "sudo -n bash -euo pipefail -s"
VERIFY = f"{CREATE} -- verify"
"""Tells a step that it already succeeded once: it may look, mend and upgrade, but never start over."""
DELETE = f"{CREATE} -- delete"
"""Runs the step's `undo` instead."""


def run_step(
    step: Step,
    settings: Settings,
    last: LastUpdate,
    *,
    secret_files: pulumi.Input[list[File]] | None = None,
    keeps_input: bool = False,
    returns_secret: bool = False,
    verify_on_update: bool = False,
    opts: pulumi.ResourceOptions,
) -> remote.Command:
    """A command that runs a step on its host as root.

    Args:
        secret_files: more files for the step; a preview shows only that something changed.
        keeps_input: what the step was given at first is still right, whatever the program would give it now.
        returns_secret: what the script prints is a secret and is never shown.
        verify_on_update: a changed input makes the script look and mend, not start over.
        opts: at least the parent.
    """
    if secret_files is None:
        stdin: pulumi.Input[str] = step.text()
    else:
        stdin = pulumi.Output.from_input(secret_files).apply(step.text)
    is_secret = secret_files is not None and not keeps_input
    ignored = ["stdin"] if keeps_input else []
    # A rotated SSH key alone runs nothing again. What has an `undo` is run over the stored connection, so it follows.
    if not is_secret and not step.undo and _needs_no_connection(step, settings, last, keeps_input=keeps_input):
        ignored.append("connection")
    return remote.Command(
        step.name,
        connection=connection_of(step.host, settings.ssh),
        create=CREATE,
        update=VERIFY if verify_on_update else None,
        delete=DELETE if step.undo else None,
        stdin=stdin,
        logging=remote.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                delete_before_replace=True,
                additional_secret_outputs=["stdout"] if returns_secret else [],
                hooks=explain_connection_failure(step.name, step.script, step.host, settings.ssh),
                ignore_changes=ignored,
            ),
            opts,
        ),
    )


def forget(step: Step, settings: Settings, *, opts: pulumi.ResourceOptions) -> remote.Command:
    """The command of a machine that is gone, as it was: nothing is run, now or when it leaves the stack."""
    return remote.Command(
        step.name,
        connection=connection_of(step.host, settings.ssh),
        create=CREATE,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                retain_on_delete=True,
                ignore_changes=["connection", "stdin", "update", "delete", "logging", "addPreviousOutputInEnv"],
            ),
            opts,
        ),
    )


def _needs_no_connection(step: Step, settings: Settings, last: LastUpdate, *, keeps_input: bool) -> bool:
    recorded = last.commands.get(step.name)
    if recorded is None or not (keeps_input or recorded.stdin == step.text()):
        return False
    return is_same_machine(recorded.connection, step.host, settings.ssh)
