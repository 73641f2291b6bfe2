"""Contradictions of what a stack merges into kubeadm's documents: values that end a program, or that do nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from components.settings import Settings, _patterns
from components.settings.ports import NODE_PORTS
from components.settings.versions import (
    FIRST_CALICO_WITH_NFTABLES,
    argument_of,
    calico_has_nftables,
    kube_proxy_modes,
)

OF_KUBE_PROXY = {"detectLocalMode": ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")}
"""Fields of the KubeProxyConfiguration with the values that kube-proxy takes: any other one ends it on every node, and
kubeadm checks none: pkg/proxy/apis/config/validation/validation.go of Kubernetes."""
LISTS_OF_KUBEADM = {
    ("apiServer", "enable-admission-plugins"): ("NodeRestriction",),
    ("apiServer", "authorization-mode"): ("Node", "RBAC"),
    ("controllerManager", "controllers"): ("bootstrapsigner", "tokencleaner"),
}
"""Arguments whose value is a list, and what kubeadm itself has in it: an argument of the stack replaces the whole list.
Without NodeRestriction each kubelet may change all nodes and pods: get*Command of kubeadm's manifests.go."""
TRUE = {"1", "t", "T", "true", "TRUE", "True"}
"""Values that Go's `strconv.ParseBool` takes for true."""
SYSCTLS_OF_KUBELET = {"vm.overcommit_memory": "1", "kernel.panic": "10", "kernel.panic_on_oops": "1"}
"""Sysctls without which a kubelet with `protectKernelDefaults` ends: setupKernelTunables of Kubernetes'
pkg/kubelet/cm/container_manager_linux.go. The others there are the kernel's defaults."""
NODE_MASK = 24
LARGEST_DIFFERENCE = 16
LARGEST_SERVICE_SUBNET = 12
SMALLEST_SUBNET = 28
"""Lengths of networks, of kubeadm: constants.go, PodSubnetNodeMaskMaxDiff, MaximumBitsForServiceSubnet and
MinimumAddressesInPodSubnet, and the default of `node-cidr-mask-size`."""


def contradictions_of_documents(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _kube_proxy(settings)
    yield from _swap(settings)
    yield from _kubelet(settings)
    yield from _health(settings)
    yield from _networks(settings)
    yield from _node_ports(settings)
    yield from _certificate_names(settings)
    yield from _lists_of_kubeadm(settings)


def _kube_proxy(settings: Settings) -> Iterator[str]:
    path, version = "cluster.kubeProxyConfiguration", settings.cluster.kubernetes_version
    document = settings.cluster.kube_proxy_configuration
    modes = kube_proxy_modes(version)
    for name, values in {"mode": modes, **OF_KUBE_PROXY}.items():
        if document.get(name) not in (None, "", *values):
            listed = " or ".join(values)
            yield f"{path}.{name}: expected {listed} with Kubernetes {version}, found {document[name]!r}"
    is_nftables = document.get("mode") == "nftables" and "nftables" in modes
    if is_nftables and settings.calico.manifest_url is None and not calico_has_nftables(settings.listed_calico):
        first = ".".join(map(str, FIRST_CALICO_WITH_NFTABLES))
        yield (
            f"{path}.mode: nftables needs Calico {first} or newer,"
            f" found calico.version {settings.listed_calico}; change either"
        )


def _swap(settings: Settings) -> Iterator[str]:
    swap = settings.cluster.kubelet_configuration.get("memorySwap")
    behavior = swap.get("swapBehavior") if isinstance(swap, dict) else None
    if behavior not in (None, "", "NoSwap"):
        yield (
            "cluster.kubeletConfiguration.memorySwap.swapBehavior: no pod gets swap, which is turned off on every"
            f" host; remove the setting, found {behavior!r}"
        )


def _kubelet(settings: Settings) -> Iterator[str]:
    """kubeadm warns of these, and goes on: pods find no service, no static pod starts, a certificate ends unseen."""
    path, document = "cluster.kubeletConfiguration", settings.cluster.kubelet_configuration
    needed = {
        "clusterDomain": settings.cluster.networking.dns_domain,
        "staticPodPath": "/etc/kubernetes/manifests",
        "rotateCertificates": True,
    }
    for name, value in needed.items():
        if document.get(name) not in (None, "", value):
            yield f"{path}.{name}: the cluster has {value!r}; remove the setting, found {document[name]!r}"
    for host in settings.hosts.values() if document.get("protectKernelDefaults") else ():
        sysctls = settings.sysctls(host)
        lacking = {name: value for name, value in SYSCTLS_OF_KUBELET.items() if str(sysctls.get(name)) != value}
        if lacking:
            listed = ", ".join(f"{name}: {value}" for name, value in lacking.items())
            yield f"{path}.protectKernelDefaults: the kubelet ends without sysctls; add to system.sysctl: {listed}"
            return


def _health(settings: Settings) -> Iterator[str]:
    """The kubelet asks with no login, and ends an API server that refuses it, after minutes: kubeadm issue 798."""
    found = argument_of(settings.cluster.cluster_configuration.get("apiServer"), "anonymous-auth")
    if found is not None and found not in TRUE:
        yield (
            "cluster.clusterConfiguration.apiServer.extraArgs: anonymous-auth: the kubelet would end each API server"
            " again and again, as it asks for the health of one without a login; remove it: RBAC lets nobody without a"
            f" login read more than health and version, found {found!r}"
        )


def _networks(settings: Settings) -> Iterator[str]:
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


def _node_ports(settings: Settings) -> Iterator[str]:
    text = argument_of(settings.cluster.cluster_configuration.get("apiServer"), "service-node-port-range")
    path = "cluster.clusterConfiguration.apiServer.extraArgs: service-node-port-range"
    ports = port_range(text) if text is not None else NODE_PORTS
    if ports is None:
        yield f"{path} is two ports such as 30000-32767, found {text!r}"
    elif settings.dashboard.has_node_port and settings.dashboard.node_port not in ports:
        yield (
            f"dashboard.nodePort: expected {ports[0]} to {ports[-1]}, the API server's service-node-port-range, found"
            f" {settings.dashboard.node_port}; change either"
        )


def _lists_of_kubeadm(settings: Settings) -> Iterator[str]:
    for (part, name), own in LISTS_OF_KUBEADM.items():
        argument = argument_of(settings.cluster.cluster_configuration.get(part), name)
        named = {each.strip() for each in argument.split(",")} if argument is not None else set(own)
        lacking = [each for each in own if not {each, f"-{each}"} & named]
        if lacking:
            yield (
                f"cluster.clusterConfiguration.{part}.extraArgs: {name} replaces the list of kubeadm; name"
                f" {' and '.join(lacking)} too, found {argument!r}"
            )


def port_range(text: str) -> range | None:
    """The ports of `first-last`, `first+number` or a single port, as the API server has them; None for other texts."""
    found = re.fullmatch(r"([0-9]{1,5})(?:([-+])([0-9]{1,5}))?", text.strip(), re.ASCII)
    if not found:
        return None
    first = int(found[1])
    last = first + int(found[3]) if found[2] == "+" else int(found[3] or first)
    return range(first, last + 1) if 1 <= first <= last <= 65535 else None


def _certificate_names(settings: Settings) -> Iterator[str]:
    server = settings.cluster.cluster_configuration.get("apiServer")
    names: Any = server.get("certSANs") if isinstance(server, dict) else None
    if names is None:
        return
    path = "cluster.clusterConfiguration.apiServer.certSANs"
    if not isinstance(names, list):
        yield f"{path}: a list of names and addresses, which are added to those of kubeadm, found {names!r}"
        return
    for name in names:
        if not isinstance(name, str) or not _is_certificate_name(name):
            yield f"{path}: expected a host name in lower case, also with `*.` before it, or an address, found {name!r}"


def _is_certificate_name(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return bool(re.fullmatch(_patterns.HOST_NAME, name.removeprefix("*.")))
    return True
