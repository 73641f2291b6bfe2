"""Put a host back to what the last update left on it, and its node back into the cluster."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from components.settings import Host, Settings
from components.steps.step import StepName
from operations.access.api import Api
from operations.access.servers import answering_kubeconfig
from operations.hosts._machine import Machine
from operations.hosts._node import Node
from operations.stack.commands import StackCommands
from operations.stack.stacks import selected_stack
from problem import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("host", help="name of the host")


def run(arguments: argparse.Namespace) -> None:
    """Run the recorded steps of a host once more, and print what they changed.

    Raises:
        StepError: there is no such host, its machine is gone, or a step failed.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    host = _repairable(arguments.host, settings, recorded, stack.commands)
    api = Api.of(answering_kubeconfig(stack), stack.commands) if stack.outputs().get("kubeconfig") else None
    machine = Machine(host, settings, recorded)
    node = Node(machine, api) if api else None
    if node:
        node.refuse_other_version()
    is_node = machine.repair(api.authority if api else "")
    if node:
        node.repair(is_node=is_node)
    elif machine.node_step:
        raise StepError(
            f"repair {host.name}",
            expected="the stack's kubeconfig, for its node",
            seen="none: the last update did not go to its end. Files, packages and images are as it left them",
            next_command=stack.commands.up,
        )
    print(f"{host.name}: as the last update left it")


def _repairable(
    name: str, settings: Settings, recorded: Mapping[tuple[str, StepName], str], commands: StackCommands
) -> Host:
    host = settings.hosts.get(name)
    prepared = [each for each in settings.hosts.values() if (each.name, StepName.PREPARE) in recorded]
    if host is None or host not in prepared:
        there = [each.name for each in prepared if not each.gone]
        raise StepError(
            f"repair {name}",
            expected=f"a host of stack {commands.stack} that an update prepared",
            seen=", ".join(there) or "none",
            next_command=commands.repair("...") if there and not host else commands.up,
        )
    if host.gone:
        raise StepError(
            f"repair {name}",
            expected="a host whose machine is there",
            seen="gone: true in the stack file",
            next_command=f"if the machine is back: remove `gone: true`, write its hostKey, then {commands.up}",
        )
    return host
