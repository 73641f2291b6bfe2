"""Stack files with several control planes, in which a host has the same address wherever it stands."""

from __future__ import annotations

from pathlib import Path

from tests.unit.support.recording import stack_of
from tests.unit.support.stacks import KEY, Stack

STEPS = ("prepare", "images", "membership", "join")


def host_line(name: str, role: str) -> Stack:
    """The lines of a host, such as node3, whose number is in its address and key."""
    number = int(name.removeprefix("node"))
    return {"address": f"192.0.2.{10 + number}", "hostKey": f"{KEY}{10 + number}", "role": role}


def several(directory: Path, control_planes: str, workers: str = "node8 node9", version: str = "1.36.3") -> Stack:
    """A stack of these hosts, with a private registry; control planes come first."""
    stack = stack_of(directory, version=version)
    roles = dict.fromkeys(control_planes.split(), "control-plane") | dict.fromkeys(workers.split(), "worker")
    stack["hosts"] = {name: host_line(name, role) for name, role in roles.items()}
    return stack


def steps_of(hosts: str, *steps: str) -> set[str]:
    """Names of commands: each of the steps, or all of a host that joins, of each host."""
    return {f"{host}/{step}" for host in hosts.split() for step in steps or STEPS}
