"""Say where hosts are not as the last update left them; exit status 1 where one is not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from components._step import File, command_name, told, told_again
from components.settings import Host, Settings
from local.errors import StepError
from operations._ssh import run_as_root
from operations._stacks import selected_stack

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
    hosts = [
        host for host in settings.hosts.values() if not host.gone and command_name(host.name, "prepare") in recorded
    ]
    if not hosts:
        expected, next_command = "hosts of an earlier update in its state", f"pulumi up --stack {stack.name}"
        raise StepError("look for drift", expected=expected, seen="none", next_command=next_command)
    with ThreadPoolExecutor(CONNECTIONS_AT_ONCE) as pool:
        found = list(pool.map(lambda host: _look(host, settings, recorded), hosts))
    for host, lines in zip(hosts, found, strict=True):
        print(
            "\n    ".join([f"{host.name}: differs:", *lines.splitlines()]) if lines else f"{host.name}: as it should be"
        )
    different = [host.name for host, lines in zip(hosts, found, strict=True) if lines]
    if different:
        raise StepError(
            "look for drift",
            expected="every host as the last update left it",
            seen=f"{', '.join(different)} not",
            next_command=f"make repair STACK={stack.name} HOST={different[0]}",
        )


def _look(host: Host, settings: Settings, recorded: Mapping[str, str]) -> str:
    """What differs on a host; an error of its own does not hide the other hosts'."""
    with_passwords = told(recorded.get(f"{host.name}-images", "")).files
    secret_files = [File(path, content, mode="0600") for path, content in with_passwords.items()]
    try:
        return run_as_root(
            host, settings.ssh, told_again(recorded[command_name(host.name, "prepare")], "drift", secret_files)
        )
    except StepError as error:
        return str(error)
