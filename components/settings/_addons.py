"""Contradictions of built-in add-ons with the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from components.settings import Settings
from components.settings.addons import addresses_of
from components.settings.stack import is_address

NEEDED_BY_METRICS = {
    "serverTLSBootstrap": True,
    "featureGates.RotateKubeletServerCertificate": True,
    "tlsCertFile": None,
    "tlsPrivateKeyFile": None,
    "authentication.webhook.enabled": True,
}
"""Fields of the KubeletConfiguration, and the value with which metrics-server believes a kubelet, and the kubelet
metrics-server. A field that the stack does not set has it."""


def contradictions_of_addons(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _metrics_server(settings)
    yield from _metallb(settings)


def _metrics_server(settings: Settings) -> Iterator[str]:
    if not settings.metrics_server.enabled:
        return
    for path, needed in NEEDED_BY_METRICS.items():
        found: Any = settings.cluster.kubelet_configuration
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found not in (None, "", needed):
            yield (
                f"cluster.kubeletConfiguration.{path}: metrics-server takes only certificates that the authority of the"
                f" cluster signs for kubelets, found {found!r}; remove it, or set metricsServer.enabled to false"
            )


def _metallb(settings: Settings) -> Iterator[str]:
    metallb = settings.metallb
    if (metallb.manifest_url is None) != (metallb.manifest_sha256 is None):
        yield "metallb: manifestUrl and manifestSha256 go together"
    taken = dict(_taken_addresses(settings))
    for text in metallb.addresses:
        first, last = addresses_of(text)
        for what, (other_first, other_last) in taken.items():
            if first <= other_last and other_first <= last:
                yield f"metallb.addresses: addresses that nothing else has, found {text}, in which {what} is"
        taken[f"{text}, which is listed too,"] = first, last
    proxy = settings.cluster.kube_proxy_configuration
    ipvs = proxy.get("ipvs")
    has_strict_arp = isinstance(ipvs, dict) and ipvs.get("strictARP") is True
    if metallb.addresses and proxy.get("mode") == "ipvs" and not has_strict_arp:
        yield (
            "cluster.kubeProxyConfiguration.ipvs.strictARP: true, or each node answers for the addresses of MetalLB,"
            f" found {ipvs!r} with mode ipvs"
        )


def _taken_addresses(settings: Settings) -> Iterator[tuple[str, tuple[IPv4Address, IPv4Address]]]:
    """Owners of addresses, and the first and the last address of each."""
    networking = settings.cluster.networking
    for name, network in {"podSubnet": networking.pod_subnet, "serviceSubnet": networking.service_subnet}.items():
        yield f"a part of cluster.networking.{name} {network}", (network[0], network[-1])
    for host in settings.hosts.values():
        for address in {str(host.internal_ip): host.internal_ip, str(host.address): host.address}.values():
            yield f"{address} of host {host.name}", (address, address)
    vip, bastion = settings.cluster.vip, settings.ssh.bastion
    named = {
        "cluster.vip": str(vip.address) if vip else "",
        "cluster.controlPlaneEndpoint": settings.endpoint_host,
        "ssh.bastion": bastion.address if bastion else "",
    }
    for setting, text in named.items():
        if is_address(text):
            yield f"{text} of {setting}", (IPv4Address(text), IPv4Address(text))
