"""List what differs on hosts from the last update; exit status 1 where a host differs or cannot be checked."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from components.host_files import File, api_server
from components.settings import Host, Settings
from components.steps.scripts import rerun
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.hosts.ssh import on_each, run_as_root
from operations.stack.commands import StackCommands
from operations.stack.stacks import selected_stack
from problem import Problem, StepError, printable

OTHER_FILES = {
    StepName.REPOSITORIES: "/",
    StepName.IMAGES: "/",
    StepName.INIT: f"{api_server.FILES}/",
    StepName.JOIN: f"{api_server.FILES}/",
}
"""Steps beside `prepare` that leave files on a host, which only root may read, and the directory of these files."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")


def run(arguments: argparse.Namespace) -> None:
    """Check each host in one read-only SSH connection, and print the differences host by host.

    Raises:
        StepError: a host differs, or cannot be checked.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    named = [host for host in settings.hosts.values() if not host.gone]
    hosts = [host for host in named if (host.name, StepName.PREPARE) in recorded]
    if not hosts:
        expected = "hosts of an earlier update in its state"
        raise StepError("look for drift", expected=expected, seen="none", next_command=stack.commands.up)
    found = {host.name: seen for host, seen in on_each(hosts, lambda host: _drift(host, settings, recorded))}
    for host in named:
        print(_described(host.name, found.get(host.name), stack.commands.up))
    _refuse_differences(found, stack.commands)


def _drift(host: Host, settings: Settings, recorded: Mapping[tuple[str, StepName], str]) -> str:
    """The differences of a host, as lines."""
    files = [
        File(path, content, mode="0600")
        for step, below in OTHER_FILES.items()
        for path, content in inputs_of(recorded.get((host.name, step), "")).files.items()
        if path.startswith(below)
    ]
    text = rerun(recorded[host.name, StepName.PREPARE], "drift", files)
    return run_as_root(host, settings.ssh, text).output


def _described(name: str, found: str | Problem | None, up: str) -> str:
    """The printed lines of a host; None stands for a host that was never prepared."""
    if found is None:
        return f"{name}: not prepared yet: {up}"
    if isinstance(found, Problem):
        return "\n    ".join([f"{name}: cannot be checked:", *str(found).splitlines()])
    lines = printable(found).splitlines()
    return "\n    ".join([f"{name}: differs:", *lines]) if found else f"{name}: as it should be"


def _refuse_differences(found: Mapping[str, str | Problem], commands: StackCommands) -> None:
    unseen = {name: error for name, error in found.items() if isinstance(error, Problem)}
    different = [name for name, lines in found.items() if lines and name not in unseen]
    seen = [f"{', '.join(different)} not"] if different else []
    next_commands = [commands.repair(different[0])] if different else []
    if unseen:
        seen.append(f"{', '.join(unseen)} cannot be checked")
        next_commands.append(next(iter(unseen.values())).next_command)
    if seen:
        expected = "every host as the last update left it"
        raise StepError(
            "look for drift", expected=expected, seen="; ".join(seen), next_command="; ".join(next_commands)
        )
