"""Problems of ports that are closed between two hosts, from the facts of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.settings import Host, Settings
from components.settings.ports import EVERY_HOST, KUBELET_PORT, PORTS, Port
from operations.stack.commands import StackCommands
from problem import Problem

Facts = Mapping[str, str]

REFUSED = "Connection refused"
"""The error of bash for a port where nothing listens. A firewall that rejects connections causes it, too."""


def ports_of(host: Host, settings: Settings, nodes: Mapping[str, object]) -> list[str]:
    """ADDRESS:PORT of everything that a host has to reach on other hosts.

    Args:
        host: of the stack.
        settings: of the stack.
        nodes: hosts that the last update left as nodes, by name; on the others nothing listens yet.
    """
    return [f"{target.internal_ip}:{port.number}" for target, port in _needed(host, settings) if target.name in nodes]


def port_problems(settings: Settings, facts: Mapping[str, Facts], commands: StackCommands) -> Iterator[Problem]:
    """A problem for each port of a host that does not let some of the others in, with the names of these.

    Args:
        settings: of the stack.
        facts: of `facts_of` by host; a host that could not be visited has none, and a problem of its own.
        commands: of the stack.
    """
    closed: dict[tuple[str, Port, str], list[str]] = {}
    for name, found in facts.items():
        for target, port in _needed(settings.hosts[name], settings):
            seen = found.get(f"port {target.internal_ip}:{port.number}")
            if seen and not _is_reported_already(facts.get(target.name), port, seen):
                closed.setdefault((target.name, port, seen), []).append(name)
    for (target_name, port, seen), sources in closed.items():
        address = settings.hosts[target_name].internal_ip
        yield Problem(
            f"{', '.join(sources)} to {target_name}: port",
            expected=f"{port.protocol} port {port.number} of {address} to be open ({port.purpose})",
            seen=f"{seen}: nothing listens there, or a firewall rejects it" if seen == REFUSED else seen,
            next_command=f"on {target_name}: ss --listening --tcp --numeric --processes 'sport = :{port.number}'; then"
            f" the firewalls of both hosts and between them, by docs/hosts.md; {commands.status}",
        )


def _needed(host: Host, settings: Settings) -> Iterator[tuple[Host, Port]]:
    for port in PORTS:
        if not port.is_checked or (host.role == "worker" and not port.is_needed_by_workers):
            continue
        targets = settings.hosts.values() if port.target == EVERY_HOST else settings.control_planes
        yield from ((target, port) for target in targets if target is not host and not target.gone)


def _is_reported_already(target: Facts | None, port: Port, seen: str) -> bool:
    """True where the target has a problem that explains the closed port: it refuses logins, or its kubelet is off."""
    if target is None:
        return True
    return seen == REFUSED and port.number == f"{KUBELET_PORT}" and target["kubelet"] != "active"
