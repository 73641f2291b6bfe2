"""Pulumi's Automation API, run with exactly the environment of a stack; its errors as problems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pulumi.automation import CommandError, LocalWorkspace, StackNotFoundError

from operations.stack.commands import StackCommands
from problem import Problem, StepError


class Workspace(LocalWorkspace):
    """A workspace that leaves the selected stack of its user alone: every command names its own stack."""

    def select_stack(self, stack_name: str) -> None:
        """Do nothing. Each way to a `Stack` of the Automation API would run `pulumi stack select`."""


@contextmanager
def workspace(directory: Path, environment: Mapping[str, str]) -> Iterator[Workspace]:
    """The project of a directory.

    Raises:
        StepError: there is no program pulumi.
    """
    with _only(environment):
        try:
            found = Workspace(work_dir=str(directory), env_vars=dict(environment))
        except FileNotFoundError as error:
            next_command = "make tools installs it"
            problem = Problem(
                "run pulumi", expected="the program pulumi", seen="none in PATH", next_command=next_command
            )
            raise StepError(problem) from error
        yield found


@contextmanager
def explained(step: str, found: Workspace, commands: StackCommands) -> Iterator[None]:
    """Turn an error of Pulumi into a problem, with the command that removes its cause.

    Raises:
        StepError: Pulumi refused.
    """
    try:
        yield
    except StackNotFoundError as error:
        expected = f"the stack {commands.stack} in the backend"
        raise StepError(Problem(step, expected=expected, seen=message(error), next_command=commands.create)) from error
    except CommandError as error:
        next_command = "remove the cause named above, then run the same command again"
        if not _is_logged_in(found):
            next_command = "pulumi login"
        raise StepError(
            Problem(step, expected="Pulumi to succeed", seen=message(error), next_command=next_command)
        ) from error


def message(error: CommandError) -> str:
    """The standard error of the command, or the exit status. Standard output may hold secrets and is never part of it.

    The API has no other way to them than the text of the exception.
    """
    head, _, standard_error = str(error).rpartition("\n stderr: ")
    status = re.match(r"\n code: (-?\d+)\n", head)
    return (
        standard_error.strip()
        if head and standard_error.strip()
        else f"exit status {status[1] if status else 'unknown'}"
    )


def _is_logged_in(found: Workspace) -> bool:
    """`pulumi whoami` decides, because the API has no exception of its own for a missing login."""
    try:
        found.who_am_i()
    except CommandError:
        return False
    return True


@contextmanager
def _only(environment: Mapping[str, str]) -> Iterator[None]:
    """The API adds variables to this process's own and cannot take one away, such as a passphrase of another stack."""
    own = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(own)
