"""Contradictions of control planes, and of the endpoint by which nodes find them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from components.settings import Host, Settings
from components.settings._types import is_of_no_machine
from components.settings.cluster import Vip
from components.settings.stack import API_PORT, is_address
from components.settings.versions import FIRST_MINOR_WITH_ETCD_LEARNERS, minor_of


def contradictions_of_control_planes(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _roles(settings)
    if settings.load_balancer == "local":
        yield from _local_load_balancer(settings)
    else:
        yield from _external_load_balancer(settings)
    if len(settings.control_planes) > 1:
        yield from _several(settings)
    if settings.cluster.vip:
        yield from _vip(settings.cluster.vip, settings)


def _roles(settings: Settings) -> Iterator[str]:
    control_planes = settings.control_planes
    if not control_planes:
        yield "hosts: at least one host needs `role: control-plane`, found none"
    elif not settings.living_control_planes:
        gone = ", ".join(f"hosts.{host.name}.gone" for host in control_planes)
        only = "its only control plane" if len(control_planes) == 1 else "all its control planes"
        yield f"{gone}: a cluster cannot lose {only}; docs/how-to/lost-control-plane.md"
    for host in control_planes:
        if host.taints:
            yield f"hosts.{host.name}.taints: the control plane has its taints in cluster.controlPlaneTaints"


def _local_load_balancer(settings: Settings) -> Iterator[str]:
    name, _, port = settings.endpoint.partition(":")
    path = "cluster.controlPlaneEndpoint"
    if is_address(name):
        yield f"{path}: a name with `loadBalancer: local`, since each node finds the API elsewhere, found {name}"
    if port and int(port) != API_PORT:
        yield f"{path}: port {API_PORT} with `loadBalancer: local`, the port of each API server, found {port}"
    if name in settings.hosts:
        yield f"{path}: a name of its own with `loadBalancer: local`, found the name of host {name}"


def _external_load_balancer(settings: Settings) -> Iterator[str]:
    name, _, port = settings.endpoint.partition(":")
    path, owner = "cluster.controlPlaneEndpoint", _owner_of(name, settings)
    if settings.cluster.control_plane_endpoint is None:
        yield f"{path}: missing; `loadBalancer: external` needs the name or address of your load balancer"
    if owner and owner.role == "worker" and len(settings.control_planes) < 2:
        yield f"{path}: of the control plane, or of your load balancer, found {name} of worker {owner.name}"
    elif owner and port and int(port) != API_PORT:
        yield f"{path}: port {API_PORT} of each API server, found {port} of {owner.name}"
    for network, subnet in settings.cluster.networking.subnets.items():
        if is_address(name) and IPv4Address(name) in subnet:
            yield f"{path}: {name} lies in cluster.networking.{network} {subnet}"


def _several(settings: Settings) -> Iterator[str]:
    found = f"found {len(settings.control_planes)} ({', '.join(host.name for host in settings.control_planes)})"
    version = settings.cluster.kubernetes_version
    if minor_of(version) < FIRST_MINOR_WITH_ETCD_LEARNERS:
        yield (
            f"hosts: several control planes need Kubernetes 1.{FIRST_MINOR_WITH_ETCD_LEARNERS} or newer, where a new"
            f" member of etcd has no vote before it is complete; {found} with {version}"
        )
    single = _single_machine(settings) if settings.load_balancer == "external" else None
    if single:
        yield (
            f"cluster.controlPlaneEndpoint: {single} with several control planes, found {settings.endpoint};"
            " remove it for a name, or name your load balancer and set `loadBalancer: external`"
        )


def _single_machine(settings: Settings) -> str | None:
    """The words for an endpoint that leads to one machine alone; None for that of a load balancer."""
    name = settings.endpoint_host
    owner = _owner_of(name, settings)
    if owner:
        return f"the name of host {name}" if name == owner.name else f"the address of {owner.name}"
    return "an address" if is_address(name) and settings.cluster.load_balancer != "external" else None


def _vip(vip: Vip, settings: Settings) -> Iterator[str]:
    path, address = "cluster.vip.address", vip.address
    if settings.load_balancer == "external":
        yield f"cluster.vip: needs `loadBalancer: local`; your own load balancer is {settings.endpoint}; remove either"
    if is_of_no_machine(address) or address.is_link_local:
        yield f"{path}: an address that a network card can have, and others can reach, found {address}"
    host = _owner_of(str(address), settings)
    owner = host.name if host else None
    if owner is None and settings.ssh.bastion and settings.ssh.bastion.address == str(address):
        owner = "ssh.bastion"
    if owner:
        yield f"{path}: an address of its own, found {address}, the address of {owner}"
    for name, network in settings.cluster.networking.subnets.items():
        if address in network:
            yield f"{path}: {address} lies in cluster.networking.{name} {network}"


def _owner_of(name: str, settings: Settings) -> Host | None:
    """The host with a name or an address; None without such a host."""
    hosts = settings.hosts.values()
    return next((each for each in hosts if name in {each.name, str(each.address), str(each.internal_ip)}), None)
