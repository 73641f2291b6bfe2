"""`pulumi preview` for a pull request: its text, its events, and the plan that the program prints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pulumi.automation import CommandError, EngineEvent, OpType, Stack

from local.paths import REPOSITORY
from local.toolchain import environment as own_environment
from operations.stack.automation import command_after, explained, message, workspace
from operations.stack.stacks import commands_of, project_copy, selected_stack, short_name, stack_file_name
from problem import StepError

PLAN = "Plan"
"""First word of the message with the plan."""

LEFT_ALONE = {OpType.SAME, OpType.READ, OpType.REFRESH}
"""Operations of Pulumi that change nothing."""


@dataclass(frozen=True)
class Preview:
    """The result of a preview. Pulumi has put `[secret]` in place of each secret.

    Attributes:
        plan: the plan that the program printed; empty without a plan.
        diff: the change line by line, as Pulumi prints it.
        changes: number of resources by operation, such as {"create": 75}.
        errors: messages; a preview with errors is not complete.
        before: inputs of each resource that the state has, by URN.
        after: inputs of each resource that the program has, by URN.
        touched: URNs of the resources that an operation changes.
        next_command: the command that removes the cause of a failure, where it is known.
    """

    plan: str
    diff: str
    changes: Mapping[str, int]
    errors: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    touched: frozenset[str]
    next_command: str | None = None


@dataclass(frozen=True)
class Selection:
    """The input of a preview: the program of a directory, a stack, its stack file, and the backend of its state."""

    project: Path
    stack: str
    file: Path
    environment: Mapping[str, str] = field(repr=False)


def of_stack(stack: str) -> Selection:
    """A stack in its backend: local machines have that of this checkout, other stacks the backend of the user's login.

    Raises:
        StepError: there is no such stack file.
    """
    selected = selected_stack(stack)
    return Selection(REPOSITORY, stack, selected.file, selected.environment)


@contextmanager
def of_empty_state(stack: str, project: Path = REPOSITORY) -> Iterator[Selection]:
    """A stack of which nothing exists yet, in a backend of its own: no login, no secret, gone after the block.

    Raises:
        StepError: there is no such stack file.
    """
    source = project / stack_file_name(stack)
    name = short_name(stack)  # this backend knows no organisations
    step = f"preview {stack}"
    if not source.exists():
        next_command = f"make new-stack NAME={name}"
        raise StepError(step, expected=f"a file {source.name}", seen="none", next_command=next_command)
    with tempfile.TemporaryDirectory() as state, project_copy(source, project) as copies:
        environment = {**own_environment(), "PULUMI_BACKEND_URL": Path(state).as_uri(), "PULUMI_CONFIG_PASSPHRASE": ""}
        del environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        with workspace(copies, environment) as found, explained(step, found, commands_of(stack)):
            found.create_stack(name)
        yield Selection(project, name, copies / source.name, environment)


def preview(selection: Selection) -> Preview:
    """Run a preview. It connects to no host."""
    events, diff = list[EngineEvent](), list[str]()
    failure, next_command = "", None
    # GITHUB_TOKEN is for the comment, and no business of the program's.
    environment = {name: value for name, value in selection.environment.items() if name != "GITHUB_TOKEN"}
    with workspace(selection.project, environment) as found:
        stack = Stack.select(selection.stack, found)
        try:
            stack.preview(
                diff=True,
                color="never",
                config_file=str(selection.file),
                on_output=diff.append,
                on_event=events.append,
            )
        except CommandError as error:
            failure = message(error)
            next_command = command_after(error, found, commands_of(selection.stack))
    return replace(_preview_of(events, "\n".join(diff), failure), next_command=next_command)


def _preview_of(events: list[EngineEvent], diff: str, failure: str) -> Preview:
    diagnostics = [event.diagnostic_event for event in events if event.diagnostic_event]
    errors = [each.message.strip() for each in diagnostics if each.severity == "error"]
    if failure and not errors:
        errors = [failure]
    plan = [each.message.strip() for each in diagnostics if each.severity.startswith("info")]
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    changes = [event.summary_event.resource_changes for event in events if event.summary_event]
    return Preview(
        plan="\n".join(text for text in plan if text.startswith(PLAN)),
        diff=diff,
        changes={OpType(kind).value: number for kind, number in changes[-1].items()} if changes else {},
        errors=tuple(errors),
        before={each.urn: each.old.inputs for each in steps if each.old},
        after={each.urn: each.new.inputs for each in steps if each.new},
        touched=frozenset(each.urn for each in steps if each.op not in LEFT_ALONE),
    )
