"""Contradictions of built-in add-ons with the rest of a stack file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from components.settings import Settings
from components.settings.addons import DASHBOARD_IMAGES, Calico, Metallb, addresses_of
from components.settings.kubeadm_documents import value_at
from components.settings.manifest_sources import manifest_sources
from components.settings.packages import registry_and_path
from components.settings.stack import is_address

NEEDED_BY_METRICS = {
    "serverTLSBootstrap": True,
    "featureGates.RotateKubeletServerCertificate": True,
    "tlsCertFile": None,
    "tlsPrivateKeyFile": None,
    "authentication.webhook.enabled": True,
}
"""Fields of the KubeletConfiguration, and the values with which metrics-server and the kubelet trust each other. A
field that the stack does not set has this value.
"""


def contradictions_of_addons(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _calico(settings)
    yield from _dashboard(settings)
    yield from _metrics_server(settings)
    yield from _metallb(settings)


def _calico(settings: Settings) -> Iterator[str]:
    calico = settings.calico
    yield from _half_of_a_manifest("calico", calico)
    if calico.manifest_url is None and settings.listed_calico not in manifest_sources("calico"):
        listed = " or ".join(manifest_sources("calico"))
        yield (
            f"calico.version: expected {listed}, found {calico.version!r}; for another version set manifestUrl"
            " and manifestSha256 in its place, or add the version to manifests/sources.yaml"
        )


def _half_of_a_manifest(section: str, addon: Calico | Metallb) -> Iterator[str]:
    if (addon.manifest_url is None) != (addon.manifest_sha256 is None):
        yield f"{section}: manifestUrl and manifestSha256 go together"


def _dashboard(settings: Settings) -> Iterator[str]:
    """An image of one dashboard under another kind, as an edit of the kind alone leaves it."""
    dashboard = settings.dashboard
    path = re.sub("[:@].*", "", registry_and_path(dashboard.image or "")[1])
    for kind, image in DASHBOARD_IMAGES.items():
        own = re.sub("[:@].*", "", registry_and_path(image)[1])
        if kind != dashboard.kind != "none" and f"/{path}".endswith(f"/{own}"):
            yield f"dashboard.image: an image of {dashboard.kind}, found {dashboard.image} of {kind}; correct either"


def _metrics_server(settings: Settings) -> Iterator[str]:
    if not settings.metrics_server.enabled:
        return
    for path, needed in NEEDED_BY_METRICS.items():
        found = value_at(settings.cluster.kubelet_configuration, path)
        if found not in (None, "", needed):
            yield (
                f"cluster.kubeletConfiguration.{path}: metrics-server takes only certificates that the authority of the"
                f" cluster signs for kubelets, found {found!r}; remove it, or set metricsServer.enabled to false"
            )


def _metallb(settings: Settings) -> Iterator[str]:
    metallb = settings.metallb
    yield from _half_of_a_manifest("metallb", metallb)
    taken = dict(_taken_addresses(settings))
    for text in metallb.addresses:
        first, last = addresses_of(text)
        for what, (other_first, other_last) in taken.items():
            if first <= other_last and other_first <= last:
                yield f"metallb.addresses: addresses that nothing else has, found {text}, in which {what} is"
        taken[f"{text}, which is listed too,"] = first, last
    proxy = settings.cluster.kube_proxy_configuration
    if metallb.addresses and proxy.get("mode") == "ipvs" and value_at(proxy, "ipvs.strictARP") is not True:
        yield (
            "cluster.kubeProxyConfiguration.ipvs.strictARP: true, or each node answers for the addresses of MetalLB,"
            f" found {proxy.get('ipvs')!r} with mode ipvs"
        )


def _taken_addresses(settings: Settings) -> Iterator[tuple[str, tuple[IPv4Address, IPv4Address]]]:
    """Owners of addresses, and the first and the last address of each."""
    for name, network in settings.cluster.networking.subnets.items():
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
