"""Contradictions of the networks of pods and services."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from components.settings import Settings
from components.settings.kubeadm_documents import argument_of

NODE_MASK = 24
LARGEST_DIFFERENCE = 16
LARGEST_SERVICE_SUBNET = 12
SMALLEST_SUBNET = 28
"""Lengths of networks, of kubeadm: constants.go, PodSubnetNodeMaskMaxDiff, MaximumBitsForServiceSubnet and
MinimumAddressesInPodSubnet, and the default of `node-cidr-mask-size`."""


def contradictions_of_networks(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _overlaps(settings)
    yield from _lengths(settings)


def _overlaps(settings: Settings) -> Iterator[str]:
    networking = settings.cluster.networking
    if networking.pod_subnet.overlaps(networking.service_subnet):
        yield (
            f"cluster.networking: podSubnet {networking.pod_subnet} overlaps serviceSubnet {networking.service_subnet}"
        )
    for host in settings.hosts.values():
        for name, network in networking.subnets.items():
            if IPv4Network(host.internal_ip).overlaps(network):
                yield f"hosts.{host.name}: its address {host.internal_ip} lies in cluster.networking.{name} {network}"


def _lengths(settings: Settings) -> Iterator[str]:
    networking = settings.cluster.networking
    manager = settings.cluster.cluster_configuration.get("controllerManager")
    mask = argument_of(manager, "node-cidr-mask-size-ipv4") or argument_of(manager, "node-cidr-mask-size")
    node_mask = int(mask) if mask and mask.isdecimal() else NODE_MASK
    shortest, longest = max(node_mask - LARGEST_DIFFERENCE, 0), min(node_mask, SMALLEST_SUBNET)
    if not shortest <= networking.pod_subnet.prefixlen <= longest:
        yield (
            f"cluster.networking.podSubnet: expected a length of {shortest} to {longest}, since each node gets a"
            f" /{node_mask} of it (controllerManager's node-cidr-mask-size), found {networking.pod_subnet}"
        )
    if not LARGEST_SERVICE_SUBNET <= networking.service_subnet.prefixlen <= SMALLEST_SUBNET:
        yield (
            f"cluster.networking.serviceSubnet: expected a length of {LARGEST_SERVICE_SUBNET} to"
            f" {SMALLEST_SUBNET}, found {networking.service_subnet}"
        )
