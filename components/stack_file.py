"""The stack file becomes `Settings`, or one error that lists everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

import pulumi
from pydantic import ValidationError

from components.settings import Settings

SECTIONS = tuple(Settings.model_fields)


class SettingsError(pulumi.RunError):
    """A stack file with problems.

    Attributes:
        problems: one line each: path in the file, what is wrong, what was found.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the stack file has {len(problems)} problem(s); nothing was touched:\n{lines}")


def load_settings() -> Settings:
    """Settings of the current stack.

    Raises:
        SettingsError: with every problem of the stack file.
    """
    config = pulumi.Config()
    found = {section: config.get_object(section) for section in SECTIONS}
    return parse_settings({section: value for section, value in found.items() if value is not None})


def parse_settings(raw: Mapping[str, Any]) -> Settings:
    """Settings from the mapping that a stack file holds, its keys without the project's prefix.

    Raises:
        SettingsError: with every problem.
    """
    named = dict(raw)
    hosts = raw.get("hosts")
    if isinstance(hosts, dict):
        named["hosts"] = {
            name: {"name": name, **host} if isinstance(host, dict) else host for name, host in hosts.items()
        }
    try:
        settings = Settings.model_validate(named)
    except ValidationError as error:
        raise SettingsError([_problem(details) for details in error.errors()]) from None
    problems = list(_contradictions(settings))
    if problems:
        raise SettingsError(problems)
    return settings


def _problem(details: Any) -> str:
    path = ".".join(str(part) for part in details["loc"] if part != "[key]")
    found = details["input"]
    # The value of an unknown key may be a password that was put into the wrong place.
    says_enough = details["type"] in {"missing", "extra_forbidden"} or isinstance(found, dict)
    shown = "" if says_enough else f", found {found!r}"
    return f"{path}: {details['msg'].removeprefix('Value error, ')}{shown}"


def _contradictions(settings: Settings) -> Iterator[str]:
    """What no field can tell alone."""
    control_planes = [host.name for host in settings.hosts.values() if host.role == "control-plane"]
    if len(control_planes) != 1:
        yield (
            f"hosts: exactly one host needs `role: control-plane`, found {len(control_planes)}"
            f" ({', '.join(control_planes) or 'none'})"
        )
    for key, host in settings.hosts.items():
        if key != host.name:
            yield f"hosts.{key}.name: a host's name is its key, found {host.name!r}"
    for field in ("address", "internal_ip"):
        counted = Counter(getattr(host, field) for host in settings.hosts.values())
        for address in (address for address, times in counted.items() if times > 1):
            names = [host.name for host in settings.hosts.values() if getattr(host, field) == address]
            yield f"hosts: {' and '.join(names)} have the same address {address}"
    yield from _network_overlaps(settings)
    if not settings.ssh.known_hosts_file:
        for host in settings.hosts.values():
            if not host.host_key:
                yield (
                    f"hosts.{host.name}.hostKey: missing, and there is no ssh.knownHostsFile;"
                    f" read it with `ssh-keyscan -t ed25519 {host.address}` and compare its fingerprint on the machine"
                )
    if (settings.calico.manifest_url is None) != (settings.calico.manifest_sha256 is None):
        yield "calico: manifestUrl and manifestSha256 go together"


def _network_overlaps(settings: Settings) -> Iterator[str]:
    networking = settings.cluster.networking
    networks = {"podSubnet": networking.pod_subnet, "serviceSubnet": networking.service_subnet}
    if networking.pod_subnet.overlaps(networking.service_subnet):
        yield (
            f"cluster.networking: podSubnet {networking.pod_subnet} overlaps serviceSubnet {networking.service_subnet}"
        )
    for host in settings.hosts.values():
        for name, network in networks.items():
            if IPv4Network(host.internal_ip).overlaps(network):
                yield f"hosts.{host.name}: its address {host.internal_ip} lies in cluster.networking.{name} {network}"
