"""Remote commands; no other module makes them.

Every command has the same constant `create`. Its standard input is generated bash: assignments and staged files, each
value quoted, and last the names of scripts in `scripts/steps`. docs/decisions.md, "Remote commands", has the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pulumi
from pulumi_command import remote

from components.host_files import File
from components.settings.passwords import Secrets
from components.steps.answers import demand_answer
from components.steps.bring_scripts import bring_scripts
from components.steps.connection import connection_of
from components.steps.explain import explain_connection_failures
from components.steps.lost_results import warn_of_lost_result
from components.steps.ssh import RUN_AS_ROOT
from components.steps.step import Step, StepName
from components.steps.wanted import Wanted
from components.steps.watch import Watch

CREATE = RUN_AS_ROOT
VERIFY = f"{CREATE} -- verify"
"""The command of a step that succeeded before: the step may check, mend and upgrade, but never start over."""
DELETE = f"{CREATE} -- delete"
"""The command that runs the `undo` of the step."""


class StepCommands:
    """Makes the remote commands of one cluster.

    Attributes:
        wanted: the steps of the cluster, and the last update.
        secrets: passwords and keys that hosts get.
        lifetime: resource that is deleted with the whole cluster: `pulumi destroy` forgets the resources that name it.
        watch: ends an update whose machines freeze.
    """

    wanted: Wanted
    secrets: Secrets
    lifetime: pulumi.Resource
    watch: Watch

    def __init__(self, wanted: Wanted, secrets: Secrets, lifetime: pulumi.Resource) -> None:
        self.wanted, self.secrets, self.lifetime = wanted, secrets, lifetime
        # All commands share a hook: the SDK may start a server for each hook (_get_callbacks in
        # pulumi/runtime/settings.py 3.272), which would be hundreds of servers for a hundred hosts.
        self.watch = watch = Watch(wanted.settings.ssh)
        self._explain = explain_connection_failures(wanted, watch)
        self._bring, self._demand = bring_scripts(wanted, watch), demand_answer(wanted, watch)

    def run(
        self,
        step: Step,
        parent: pulumi.Resource,
        *,
        after: Sequence[pulumi.Resource],
        secret_files: pulumi.Input[list[File]] | None = None,
        keeps_input: bool = False,
        deleted_with: pulumi.Resource | None = None,
    ) -> remote.Command:
        """A command that runs a step on its host as root.

        Args:
            step: the step.
            parent: the component of the command.
            after: resources that exist before the step runs.
            secret_files: secret files for the step; a preview shows a change, but no content.
            keeps_input: the recorded standard input stays, even if the program would render another.
            deleted_with: the command is forgotten with this resource, and its `undo` does not run then.
        """
        if secret_files is None:
            stdin: pulumi.Input[str] = step.text()
        else:
            stdin = pulumi.Output.from_input(secret_files).apply(step.text)
        command = remote.Command(
            self.wanted.resource_name(*step.key),
            connection=connection_of(step.host, self.wanted.settings.ssh),
            create=CREATE,
            update=VERIFY if step.verifies_on_update else None,
            delete=DELETE if step.undo else None,
            stdin=stdin,
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=list(after),
                deleted_with=deleted_with,
                additional_secret_outputs=["stdout"] if step.returns_secret else [],
                hooks=self._hooks(step),
                ignore_changes=self._ignored(step, is_secret=secret_files is not None, keeps_input=keeps_input),
            ),
        )
        command.id.apply(lambda _: self.watch.ends(step))
        if not step.returns_secret:
            command.stdout.apply(partial(warn_of_lost_result, step, self.wanted.settings.ssh))
        return command

    def keep(self, subject: str, name: StepName, parent: pulumi.Resource) -> None:
        """Keep a recorded command, as of a machine that is gone: nothing runs, now or when the host leaves."""
        recorded = self.wanted.last.step(subject, name)
        if recorded is None:
            return
        remote.Command(
            self.wanted.resource_name(subject, name),
            connection=remote.ConnectionArgs(host=recorded.connection["host"]),
            create=CREATE,
            opts=pulumi.ResourceOptions(
                parent=parent,
                retain_on_delete=True,
                ignore_changes=["connection", "stdin", "update", "delete", "logging", "addPreviousOutputInEnv"],
            ),
        )

    def _ignored(self, step: Step, *, is_secret: bool, keeps_input: bool) -> list[str]:
        """Inputs whose change does not run the command again.

        A rotated SSH key alone runs only commands with an `undo`, which uses the stored connection.
        """
        is_same = (keeps_input or self.wanted.is_unchanged(step)) and (
            step.keeps_connection or self.wanted.reaches_same_machine(step)
        )
        keeps_connection = is_same and not step.undo and (keeps_input or not is_secret)
        return [*(["stdin"] if keeps_input else []), *(["connection"] if keeps_connection else [])]

    def _hooks(self, step: Step) -> pulumi.ResourceHookBinding:
        """Hooks of a command: the first command of a host brings scripts and files, the others demand an answer.

        The hooks of a step never vary: Pulumi writes the whole state for each resource whose hooks differ.
        """
        before: list[pulumi.ResourceHook | pulumi.ResourceHookFunction] = [
            self._bring if step.name in {StepName.REPOSITORIES, StepName.PREPARE} else self._demand
        ]
        return pulumi.ResourceHookBinding(before_create=before, before_update=before, on_error=[self._explain])
