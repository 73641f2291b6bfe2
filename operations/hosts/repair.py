"""Put a host back to what the last update left on it."""

from __future__ import annotations

import argparse

from components.steps.scripts import rerun
from components.steps.step import StepName
from operations.hosts.ssh import run_as_root
from operations.stack.stacks import selected_stack
from problem import Problem, StepError

STEPS = (StepName.PREPARE, StepName.IMAGES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command can be told."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("host", help="name of the host")


def run(arguments: argparse.Namespace) -> None:
    """The steps `prepare` and `images` of the last update have run once more; what they changed is printed.

    Raises:
        StepError: there is no such host, its machine is gone, or a step failed.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    host = settings.hosts.get(arguments.host)
    steps = {name: recorded[arguments.host, name] for name in STEPS if (arguments.host, name) in recorded}
    step = f"repair {arguments.host}"
    if host is None or not steps:
        prepared = [
            name for name, each in settings.hosts.items() if (name, StepName.PREPARE) in recorded and not each.gone
        ]
        raise StepError(
            Problem(
                step,
                expected=f"a host of stack {stack.name} that an update prepared",
                seen=", ".join(prepared) or "none",
                next_command=stack.commands.repair("...") if prepared and not host else stack.commands.up,
            )
        )
    if host.gone:
        raise StepError(
            Problem(
                step,
                expected="a host whose machine is there",
                seen="gone: true in the stack file",
                next_command=f"if the machine is back: take gone away, write its hostKey, then {stack.commands.up}",
            )
        )
    for name, text in steps.items():
        print(run_as_root(host, settings.ssh, rerun(text, name)).log, end="", flush=True)
    print(f"{host.name}: as the last update left it")
