"""Machines that are copies of one another and share an identifier that must be unique."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.host import PreparedHost
from components.settings import Settings
from components.settings.known_hosts import without_comment
from components.steps.connection import host_key_of
from problem import Problem

RENEW = {
    "machine-id": "rm /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup; reboot",
    "SSH host key": "rm /etc/ssh/ssh_host_*; dpkg-reconfigure openssh-server; then put the new key into the stack file",
}
"""Commands by which root gives a copy an identifier of its own."""


def warn_of_clones(hosts: Mapping[str, PreparedHost], settings: Settings) -> None:
    """Log hosts with the same SSH host key or machine-id, in every update that knows them.

    A warning and no error: a cluster of clones comes up. It breaks later, when two clones get one address by DHCP.
    """
    present = {name: host for name, host in hosts.items() if host.machine_id is not None}
    keys = {name: without_comment(host_key_of(host.host, settings.ssh)) for name, host in present.items()}
    _warn("SSH host key", keys)
    machine_ids = pulumi.Output.all(**{name: host.machine_id for name, host in present.items()})
    machine_ids.apply(lambda known: _warn("machine-id", known))


def _warn(what: str, values: Mapping[str, str]) -> None:
    warning = clone_warning(what, values)
    if warning:
        pulumi.log.warn(warning)


def clone_warning(what: str, values: Mapping[str, str]) -> str | None:
    """The warning that names hosts with the same value, and the next command; None where every value is unique."""
    owners: dict[str, list[str]] = {}
    for name, value in values.items():
        owners.setdefault(value.strip(), []).append(name)
    groups = [names for value, names in owners.items() if value and len(names) > 1]
    if not groups:
        return None
    seen = "; ".join(f"the same {what} on {' and '.join(names)}" for names in groups)
    copies = ", ".join(name for names in groups for name in names[1:])
    problem = Problem(
        "hosts",
        expected=f"each machine to have its own {what}",
        seen=seen,
        next_command=f"on {copies}, as root: {RENEW[what]}",
    )
    return str(problem)
