"""Go on with one member of etcd, where the majority of the control planes is lost for good."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from components.settings import Host, Settings
from components.steps.scripts import rerun
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.hosts.members import members_of
from operations.hosts.ssh import run_as_root, silence_of
from operations.stack.commands import StackCommands
from operations.stack.stacks import selected_stack
from problem import StepError, printable

PEER_PORT = 2380
SERVES, DOWN = "answers", "down"
"""Answers of a machine about its member of etcd."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("host", help="name of the control plane whose data are kept")


def run(arguments: argparse.Namespace) -> None:
    """Make the member on a host a cluster of one.

    Raises:
        StepError: the host is no control plane, a majority serves, another member answers, or the step failed.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    members = members_of(settings, recorded)
    host = _chosen(arguments.host, members, stack.commands)
    for other in members:
        if other is not host and not other.gone:
            _refuse_other(other, host, settings, stack.commands.status)
    values = {"OTHER_ADDRESSES": "\n".join(_other_addresses(host, members, recorded))}
    text = rerun(recorded[host.name, StepName.PREPARE], "recover", values=values)
    print(printable(run_as_root(host, settings.ssh, text).log), end="")
    print(f"{host.name}: etcd serves. Next: {_next(host, members, settings)}, then {stack.commands.up}")


def _chosen(name: str, members: list[Host], commands: StackCommands) -> Host:
    living = [each for each in members if not each.gone]
    host = next((each for each in living if each.name == name), None)
    if host is None:
        expected, seen = "a living control plane of the stack", ", ".join(each.name for each in living) or "none"
        if living:
            next_command = " or ".join(commands.recover(each.name) for each in living)
        elif members:
            seen = f"gone: true for {', '.join(each.name for each in members)}"
            next_command = "docs/how-to/lost-control-plane.md; for one that is not lost: take `gone: true` out"
        else:
            expected, seen = "a control plane that an update made", "none"
            next_command = f"{commands.up}; where the machines have a cluster of the stack: docs/how-to/lost-state.md"
        raise StepError(f"recover {name}", expected=expected, seen=seen, next_command=next_command)
    return host


def _refuse_other(other: Host, host: Host, settings: Settings, status: str) -> None:
    """Refuse if the member of another machine runs, or may run: a cut network between the two is no lost majority."""
    alone = f"where {host.name} is to go on alone: turn {other.name} off"
    try:
        seen = run_as_root(other, settings.ssh, question(str(other.internal_ip), PEER_PORT)).output.strip()
    except StepError as error:
        # A machine that refuses the login may have a member that serves.
        silence = silence_of(other, settings.ssh)
        if silence:
            print(f"{other.name}: cannot be asked: {silence}")
            return
        raise StepError(
            f"{host.name}: recover",
            expected=f"{other.name}, whose SSH server answers, to say whether its member of etcd runs",
            seen=error.problem.seen,
            next_command=f"{error.problem.next_command}; {alone}",
        ) from error
    if seen == DOWN:
        return
    answers = seen == SERVES
    raise StepError(
        f"{host.name}: recover",
        expected="no other member of etcd that answers"
        if answers
        else f"the member of etcd on {other.name} to answer, or to refuse a connection because it is down",
        seen=f"one on {other.name}" if answers else seen or "nothing",
        next_command=f"{status}; {alone}",
    )


def question(address: str, port: int) -> str:
    """The script that asks a machine whether its member of etcd runs: it prints SERVES, DOWN, or what else it saw.

    Only a refused connection shows that no member listens. Any other failure decides nothing about the member.
    """
    return f"""\
status=0
seen=$(LC_ALL=C timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}' 2>&1) || status=$?
case $status,$seen in
  0,*) echo {SERVES} ;;
  *"Connection refused"*) echo {DOWN} ;;
  *) echo "${{seen:-no answer within 5 s}}" ;;
esac
"""


def _other_addresses(host: Host, members: list[Host], recorded: Mapping[tuple[str, StepName], str]) -> list[str]:
    """Addresses of other members in the stack file and in the last update: a deleted line has ended no member yet."""
    prepared = [inputs_of(text).values for (name, step), text in recorded.items() if step is StepName.PREPARE]
    last = {each["NODE_IP"] for each in prepared if each.get("ROLE") == "control-plane" and "NODE_IP" in each}
    own = inputs_of(recorded[host.name, StepName.PREPARE]).values.get("NODE_IP")
    return sorted({*last, *(str(each.internal_ip) for each in members)} - {own, str(host.internal_ip)})


def _next(host: Host, members: list[Host], settings: Settings) -> str:
    others = [each.name for each in members if each is not host and not settings.hosts[each.name].gone]
    return f"gone: true for {', '.join(others)} in the stack file" if others else "nothing in the stack file"
