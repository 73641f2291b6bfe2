"""Put a host back to what the last update left on it."""

from __future__ import annotations

import argparse

from local.errors import StepError
from operations._ssh import run_as_root
from operations._stacks import selected_stack

STEPS = ("prepare", "images")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command can be told."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("host", help="name of the host")


def run(arguments: argparse.Namespace) -> None:
    """The steps `prepare` and `images` of the last update have run once more; what was right is left alone.

    Raises:
        StepError: there is no such host, or the step failed.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    host = settings.hosts.get(arguments.host)
    steps = [recorded[name] for name in (f"{arguments.host}-{step}" for step in STEPS) if name in recorded]
    if host is None or not steps:
        raise StepError(
            f"repair {arguments.host}",
            expected=f"a host of stack {stack.name} that an update prepared",
            seen=f"{', '.join(name for name in settings.hosts if f'{name}-prepare' in recorded) or 'none'}",
            next_command=f"make repair STACK={stack.name} HOST=...",
        )
    for text in steps:
        run_as_root(host, settings.ssh, text)
    print(f"{host.name}: as the last update left it")
