"""`pulumi preview`, run for a person who was not there: its text, and what the program said."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.paths import REPOSITORY
from local.toolchain import environment as own_environment
from operations.stack.stacks import selected_stack, short_name, stack_file_name
from problem import Problem, StepError

PLAN = "Plan"
"""What the program says about the whole of a change begins with this word."""

LEFT_ALONE = {"same", "read", "refresh"}
"""Operations of Pulumi that change nothing."""


@dataclass(frozen=True)
class Preview:
    """What a preview said. Pulumi has put `[secret]` in place of each secret.

    Attributes:
        plan: the change in words, as the program says it; empty where it says nothing.
        diff: the change line by line, as Pulumi prints it.
        changes: number of resources by operation, such as {"create": 75}.
        errors: messages; a preview with errors is not complete.
        before: inputs of each resource that the state has, by URN.
        after: inputs of each resource that the program has, by URN.
        touched: URNs of those that are not left as they are.
    """

    plan: str
    diff: str
    changes: Mapping[str, int]
    errors: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    touched: frozenset[str]


@dataclass(frozen=True)
class Selection:
    """What to preview: the program of a directory, a stack, and its state."""

    project: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def of_stack(stack: str) -> Selection:
    """A stack as its backend knows it: that of this checkout for local machines, or who runs this has chosen one.

    Raises:
        StepError: there is no such stack file.
    """
    selected = selected_stack(stack)
    return Selection(REPOSITORY, ("--stack", stack, "--config-file", str(selected.file)), selected.environment)


@contextmanager
def of_empty_state(stack: str, project: Path = REPOSITORY) -> Iterator[Selection]:
    """A stack of which nothing exists yet, in a backend of its own: no login, no secret, gone after the block.

    Raises:
        StepError: there is no such stack file.
    """
    source = project / stack_file_name(stack)
    if not source.exists():
        raise StepError(
            Problem(
                f"preview {stack}",
                expected=f"a file {source.name}",
                seen="none",
                next_command=f"make new-stack NAME={short_name(stack)}",
            )
        )
    with tempfile.TemporaryDirectory() as scratch:
        state, copies = Path(scratch, "state"), Path(scratch, "project")
        for directory in (state, copies):
            directory.mkdir()
        environment = {**own_environment(), "PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": ""}
        del environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        # Pulumi writes a salt into the stack file that it is given, so it gets copies.
        shutil.copy(project / "Pulumi.yaml", copies)
        shutil.copy(source, copies)
        name = short_name(stack)  # this backend knows no organisations
        _run(["stack", "init", name, "--cwd", str(copies)], project, environment)
        yield Selection(project, ("--stack", name, "--config-file", str(copies / source.name)), environment)


def preview(selection: Selection) -> Preview:
    """What Pulumi and the program say of the selection. Dials no host."""
    with tempfile.TemporaryDirectory() as scratch:
        events = Path(scratch) / "events"
        # The event log is what Pulumi's own Automation API reads, with the same variable.
        environment = {**selection.environment, "PULUMI_DEBUG_COMMANDS": "true"}
        environment.pop("GITHUB_TOKEN", None)  # for the comment, and no business of the program's
        command = ["preview", "--diff", *selection.arguments, "--color", "never", "--event-log", str(events)]
        finished = _run(command, selection.project, environment, check=False)
        found = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    said = [event["diagnosticEvent"] for event in found if "diagnosticEvent" in event]
    errors = [each["message"].strip() for each in said if each["severity"] == "error"]
    if finished.returncode != 0 and not errors:
        errors = [finished.stderr.strip() or f"pulumi ended with status {finished.returncode}"]
    plan = [each["message"].strip() for each in said if each["severity"].startswith("info")]
    planned = [event["resourcePreEvent"]["metadata"] for event in found if "resourcePreEvent" in event]
    changes = [event["summaryEvent"]["resourceChanges"] for event in found if "summaryEvent" in event]
    return Preview(
        plan="\n".join(message for message in plan if message.startswith(PLAN)),
        diff=finished.stdout,
        changes=changes[-1] if changes else {},
        errors=tuple(errors),
        before={each["urn"]: each["old"]["inputs"] for each in planned if each.get("old")},
        after={each["urn"]: each["new"]["inputs"] for each in planned if each.get("new")},
        touched=frozenset(each["urn"] for each in planned if each["op"] not in LEFT_ALONE),
    )


def _run(
    arguments: list[str], project: Path, environment: Mapping[str, str], *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    program = shutil.which("pulumi", path=environment["PATH"])
    if not program:
        raise StepError(
            Problem(
                "run pulumi", expected="the program pulumi", seen="none in PATH", next_command="make tools installs it"
            )
        )
    finished = subprocess.run(
        [program, *arguments, "--non-interactive"],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and finished.returncode != 0:
        raise StepError(
            Problem(
                f"pulumi {' '.join(arguments[:2])}",
                expected="it to succeed",
                seen=finished.stderr,
                next_command="remove the cause named above, then run the same command again",
            )
        )
    return finished
