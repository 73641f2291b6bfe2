"""Contradictions of what a stack merges into the documents of kubelet and kube-proxy."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings import Settings
from components.settings.kubeadm_documents import value_at
from components.settings.versions import (
    calico_without_nftables,
    knows_fail_cgroup_v1,
    kube_proxy_modes,
)

OF_KUBE_PROXY = {"detectLocalMode": ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")}
"""Fields of the KubeProxyConfiguration with the values that kube-proxy takes. kubeadm accepts any other value, and
kube-proxy then exits on every node: pkg/proxy/apis/config/validation/validation.go of Kubernetes."""
SYSCTLS_OF_KUBELET = {"vm.overcommit_memory": "1", "kernel.panic": "10", "kernel.panic_on_oops": "1"}
"""Sysctls without which a kubelet with `protectKernelDefaults` ends: setupKernelTunables of Kubernetes'
pkg/kubelet/cm/container_manager_linux.go. The others there are the kernel's defaults."""


def contradictions_of_documents(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _kubelet(settings)
    yield from _kubelet_of_cluster(settings)
    yield from _kube_proxy(settings)


def _kube_proxy(settings: Settings) -> Iterator[str]:
    path, version = "cluster.kubeProxyConfiguration", settings.cluster.kubernetes_version
    document = settings.cluster.kube_proxy_configuration
    modes = kube_proxy_modes(version)
    for name, values in {"mode": modes, **OF_KUBE_PROXY}.items():
        if document.get(name) not in (None, "", *values):
            listed = " or ".join(values)
            yield f"{path}.{name}: expected {listed} with Kubernetes {version}, found {document[name]!r}"
    if document.get("mode") == "nftables" and "nftables" in modes and settings.calico.manifest_url is None:
        problem = calico_without_nftables(settings.listed_calico, f"calico.version {settings.listed_calico}")
        yield from [problem] if problem else []


def _kubelet(settings: Settings) -> Iterator[str]:
    document, version = settings.cluster.kubelet_configuration, settings.cluster.kubernetes_version
    if "failCgroupV1" in document and not knows_fail_cgroup_v1(version):
        yield f"cluster.kubeletConfiguration.failCgroupV1: the kubelet of {version} does not know the field; remove it"
    behavior = value_at(document, "memorySwap.swapBehavior")
    if behavior not in (None, "", "NoSwap"):
        yield (
            "cluster.kubeletConfiguration.memorySwap.swapBehavior: no pod gets swap, which is turned off on every"
            f" host; remove the setting, found {behavior!r}"
        )


def _kubelet_of_cluster(settings: Settings) -> Iterator[str]:
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
