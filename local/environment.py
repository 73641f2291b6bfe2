"""The two sets of local machines: `make up` brings up `dev`, the tests bring up `e2e` beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.paths import STATE


@dataclass(frozen=True)
class Environment:
    """Local machines on a network of their own, with a mirror of their own.

    Attributes:
        name: also the name of the stack, and the prefix of the environment's names in podman.
        network: the first three numbers of its /24 network.
        machines: last number of each machine's address, by machine name; the control plane comes first.
        debian: Debian release of the machines.
        debian_exceptions: machines of other releases.
        further_control_planes: names of machines that are control planes beside the first, and in no committed stack
            file.
        is_unfriendly: machines are made with the states of `local/machines/unfriendly.py`.
    """

    name: str
    network: str
    machines: dict[str, int]
    debian: int = 12
    debian_exceptions: dict[str, int] = field(default_factory=dict)
    further_control_planes: tuple[str, ...] = ()
    is_unfriendly: bool = False

    @property
    def subnet(self) -> str:
        """The network in CIDR notation."""
        return f"{self.network}.0/24"

    @property
    def gateway(self) -> str:
        """Address of this host on the network of the machines."""
        return f"{self.network}.1"

    @property
    def mirror_address(self) -> str:
        """Address of the mirror on the network."""
        return f"{self.network}.2"

    @property
    def directory(self) -> Path:
        """Directory of keys, certificates and the generated stack file, with mode 0700."""
        return STATE / self.name

    def network_options(self, address: str) -> tuple[str, ...]:
        """Options of podman for a container at an address.

        The MAC address follows from the IP address: the ARP caches of this host and of the machines last for a minute,
        and would lead packets for a new container to the one before it.
        """
        mac = ":".join(["02", "00", *(f"{int(number):02x}" for number in address.split("."))])
        return ("--network", self.name, "--ip", address, "--mac-address", mac)

    def address(self, machine: str) -> str:
        """Address of a machine."""
        return f"{self.network}.{self.machines[machine]}"

    def debian_of(self, machine: str) -> int:
        """Debian release of a machine."""
        return self.debian_exceptions.get(machine, self.debian)

    def with_debian(self, releases: Sequence[int]) -> Environment:
        """The environment with Debian releases by order of machines; the last release applies to further machines."""
        exceptions = {
            machine: releases[number] for number, machine in enumerate(self.machines) if number < len(releases) - 1
        }
        return replace(self, debian=releases[-1], debian_exceptions=exceptions)

    def with_control_planes(self, count: int) -> Environment:
        """The environment with further machines, which follow the others by name and address, as control planes."""
        first = len(self.machines) + 1
        named = {f"node{number}": 110 + number for number in range(first, first + count - 1)}
        return replace(self, machines={**self.machines, **named}, further_control_planes=tuple(named))

    def container(self, machine: str) -> str:
        """Name of the podman container that is the machine."""
        return f"{self.name}-{machine}"


DEV = Environment("dev", "192.168.56", {"node1": 109, "node2": 105, "node3": 106})
E2E = Environment("e2e", "192.168.57", {"e2e1": 9, "e2e2": 5, "e2e3": 6}, is_unfriendly=True)
ENVIRONMENTS = {environment.name: environment for environment in (DEV, E2E)}

MIRROR_HOST_NAME = "hub.example.test"
"""Name under which machines reach the mirror; in their /etc/hosts and in its certificate."""
