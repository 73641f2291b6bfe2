"""Say where hosts are not as the last update left them; exit status 1 where one is not, or cannot be looked at."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from components.host_files import File
from components.settings import Host, Settings
from components.steps.scripts import rerun
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.hosts.ssh import run_as_root
from operations.stack.commands import StackCommands
from operations.stack.stacks import selected_stack
from problem import Problem, StepError

CONNECTIONS_AT_ONCE = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command can be told."""
    parser.add_argument("stack", help="name of the stack")


def run(arguments: argparse.Namespace) -> None:
    """One read-only SSH connection to each host; what differs is printed, host by host.

    Raises:
        StepError: a host differs, or could not be looked at.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    named = [host for host in settings.hosts.values() if not host.gone]
    hosts = [host for host in named if (host.name, StepName.PREPARE) in recorded]
    if not hosts:
        expected = "hosts of an earlier update in its state"
        raise StepError(Problem("look for drift", expected=expected, seen="none", next_command=stack.commands.up))
    with ThreadPoolExecutor(CONNECTIONS_AT_ONCE) as pool:
        looks = pool.map(lambda host: _look(host, settings, recorded), hosts)
        found = {host.name: seen for host, seen in zip(hosts, looks, strict=True)}
    for host in named:
        print(_described(host.name, found.get(host.name), stack.commands.up))
    _refuse_differences(found, stack.commands)


def _look(host: Host, settings: Settings, recorded: Mapping[tuple[str, StepName], str]) -> str | Problem:
    """What differs on a host, or why that is not known, which does not hide the other hosts'."""
    with_passwords = inputs_of(recorded.get((host.name, StepName.IMAGES), "")).files
    secret_files = [File(path, content, mode="0600") for path, content in with_passwords.items()]
    text = rerun(recorded[host.name, StepName.PREPARE], "drift", secret_files)
    try:
        return run_as_root(host, settings.ssh, text).output
    except StepError as error:
        return error.problem


def _described(name: str, found: str | Problem | None, up: str) -> str:
    """A host that was not looked at was never prepared."""
    if found is None:
        return f"{name}: not prepared yet: {up}"
    if isinstance(found, Problem):
        return "\n    ".join([f"{name}: could not be looked at:", *str(found).splitlines()])
    return "\n    ".join([f"{name}: differs:", *found.splitlines()]) if found else f"{name}: as it should be"


def _refuse_differences(found: Mapping[str, str | Problem], commands: StackCommands) -> None:
    unseen = {name: error for name, error in found.items() if isinstance(error, Problem)}
    different = [name for name, lines in found.items() if lines and name not in unseen]
    seen = [f"{', '.join(different)} not"] if different else []
    next_commands = [commands.repair(different[0])] if different else []
    if unseen:
        seen.append(f"{', '.join(unseen)} could not be looked at")
        next_commands.append(next(iter(unseen.values())).next_command)
    if seen:
        expected = "every host as the last update left it"
        raise StepError(
            Problem("look for drift", expected=expected, seen="; ".join(seen), next_command="; ".join(next_commands))
        )
