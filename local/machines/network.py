"""The network of the local machines of an environment, and of their mirror."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

from local.commands import run
from local.environment import Environment
from local.locks import locked
from local.machines.engine import LABEL, ensure_engine, inspected, owner, podman
from local.machines.leftovers import remove_leftovers
from local.paths import STATE
from problem import StepError

LOCK = "network.lock"
"""Name of the lock file: mirror and machines may create the network at the same time."""


def ensure_network(environment: Environment, *, way_out: bool = False) -> None:
    """Create a podman network with the name and /24 subnet of the environment, with a way out or without.

    While a member runs, this host reaches members at their addresses, and members reach it at `environment.gateway`.

    Args:
        environment: the environment of the network.
        way_out: members reach the networks of this host, by address translation.

    Raises:
        StepError: no container engine, not root, or the name or an address is taken; or the network is in use and of
            the other kind.
    """
    step = f"make the network {environment.subnet}"
    ensure_engine()
    with locked(STATE / LOCK):
        remove_leftovers()
        found = inspected("network", environment.name, step=step)
        if found:
            _check_is_ours(environment, found, step)
            if _leads_out(found) == way_out:
                return
            _check_is_unused(environment, found, step)
            podman("network", "rm", environment.name, step=step)
        _check_is_free(environment, step)
        podman(
            *("network", "create", "--driver", "bridge", "--disable-dns"),
            *(() if way_out else ("--internal",)),
            *("--subnet", environment.subnet, "--gateway", environment.gateway),
            *("--label", f"{LABEL}={owner(environment)}", environment.name),
            step=step,
        )


def has_way_out(environment: Environment) -> bool | None:
    """True where the network of an environment has a way out; None while it has no members."""
    step = f"inspect the network {environment.subnet}"
    found = inspected("network", environment.name, step=step)
    if not found or _owner_of(found) != owner(environment) or not _members(environment, step):
        return None
    return _leads_out(found)


def remove_network(environment: Environment) -> None:
    """Delete the network of the environment; a network of another owner with that name stays.

    Raises:
        StepError: a container still uses it.
    """
    step = f"remove the network {environment.subnet}"
    with locked(STATE / LOCK):
        found = inspected("network", environment.name, step=step)
        if found and _owner_of(found) == owner(environment):
            podman("network", "rm", environment.name, step=step)


def _owner_of(network: dict[str, Any]) -> str:
    label: str = (network.get("labels") or {}).get(LABEL, "")
    return label


def _check_is_ours(environment: Environment, network: dict[str, Any], step: str) -> None:
    subnets = [subnet["subnet"] for subnet in network.get("subnets") or []]
    if _owner_of(network) != owner(environment) or subnets != [environment.subnet]:
        raise StepError(
            step,
            expected=f"the name {environment.name} to be free among podman's networks",
            seen=f"a network of that name with {', '.join(subnets) or 'no subnet'},"
            f" made by {_owner_of(network) or 'somebody else'}",
            next_command=f"podman network inspect {environment.name}; podman network rm {environment.name}",
        )


def _leads_out(network: dict[str, Any]) -> bool:
    return not network.get("internal")


def _members(environment: Environment, step: str) -> list[str]:
    """Containers on the network, running or not."""
    return podman("ps", "--all", "--filter", f"network={environment.name}", "--format", "{{.Names}}", step=step).split()


def _check_is_unused(environment: Environment, network: dict[str, Any], step: str) -> None:
    members = _members(environment, step)
    if members:
        raise StepError(
            step,
            expected=f"a network {'without' if _leads_out(network) else 'with'} a way out, or none",
            seen=f"a network {'with' if _leads_out(network) else 'without'} a way out, of {', '.join(members)}",
            next_command="make down, if these machines are not needed",
        )


def _check_is_free(environment: Environment, step: str) -> None:
    wanted = ipaddress.ip_network(environment.subnet)
    users = {
        f"{what} uses {taken}": None
        for what, taken in [*_routes(step), *_podman_subnets(step)]
        if wanted.overlaps(ipaddress.ip_network(taken, strict=False))
    }
    if users:
        raise StepError(
            step,
            expected="no other user of these addresses",
            seen="\n".join(users),
            next_command="remove that user, such as VirtualBox's host-only network, or change local/environment.py",
        )


def _routes(step: str) -> Iterator[tuple[str, str]]:
    """Interfaces and the IPv4 networks behind them. A /24 overrides wide routes of a gateway, such as a VPN."""
    for route in json.loads(run(["ip", "-json", "-4", "route", "show"], step=step, log="network")):
        wide = route["dst"] == "default" or ipaddress.ip_network(route["dst"]).prefixlen < 24
        if not (wide and (route["dst"] == "default" or "gateway" in route)):
            yield f"interface {route.get('dev', '(none)')}", route["dst"]


def _podman_subnets(step: str) -> Iterator[tuple[str, str]]:
    """Networks of podman; a network without a running member has no interface yet."""
    for name in podman("network", "ls", "--format", "{{.Name}}", step=step).split():
        for subnet in (inspected("network", name, step=step) or {}).get("subnets") or []:
            if ":" not in subnet["subnet"]:
                yield f"podman's network {name}", subnet["subnet"]
