"""Pulumi's Automation API, run with exactly the environment of a stack; its errors as problems."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from pulumi.automation import CommandError, LocalWorkspace, PulumiCommand, StackNotFoundError
from semver import VersionInfo

from operations.stack.commands import StackCommands
from problem import StepError


class _Program(PulumiCommand):
    """The program pulumi. Each start costs most of a second, so the version is read on demand."""

    def __init__(self) -> None:
        self.command = "pulumi"  # the constructor of the API starts it for its version

    @cached_property
    def version(self) -> VersionInfo | None:  # type: ignore[override]  # read once, and never written
        """Version of the program, which the API reads before a preview."""
        return PulumiCommand().version


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
        if not shutil.which("pulumi"):
            next_command = "make tools installs it"
            raise StepError("run pulumi", expected="the program pulumi", seen="none in PATH", next_command=next_command)
        yield Workspace(work_dir=str(directory), env_vars=dict(environment), pulumi_command=_Program())


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
        raise StepError(step, expected=expected, seen=message(error), next_command=commands.create) from error
    except CommandError as error:
        next_command = command_after(error, found, commands)
        next_command = next_command or "remove the cause named above, then run the same command again"
        raise StepError(step, expected="Pulumi to succeed", seen=message(error), next_command=next_command) from error


def command_after(error: CommandError, found: Workspace, commands: StackCommands) -> str | None:
    """The command that removes the cause of an error of Pulumi; None for a cause that only its text names."""
    if isinstance(error, StackNotFoundError):
        return commands.create
    if not _is_logged_in(found):
        return "pulumi login --local, or `pulumi login` with the backend of the stack: docs/how-to/state.md"
    if "PULUMI_CONFIG_PASSPHRASE" in message(error):
        return "export PULUMI_CONFIG_PASSPHRASE=..., the passphrase of the stack, then the same command again"
    return None


def message(error: CommandError) -> str:
    """The standard error of the command, or the exit status. Standard output may hold secrets and is never part of it.

    The API has both in the text of the exception only.
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
    """Replace the environment of this process, to which the API adds variables: it cannot remove a passphrase."""
    own = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(own)
