"""kubeadm's configuration, in the API version that fits the cluster's Kubernetes version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from components.host_files.containerd import SOCKET
from components.host_files.effect import Effect
from components.host_files.file import File
from components.settings import Host, Settings, Taint
from components.settings.versions import has_seccomp_default, kubeadm_api_version
from components.yaml_text import yaml_text

PATH = "/etc/kubernetes/kubeadm/config.yaml"
EFFECTS = (Effect(PATH, "kubeadm reads it; what restarts for it is in a line of its own"),)
DISCOVERY_PATH = "/etc/kubernetes/kubeadm/discovery.conf"
JOIN_TOKEN_PATH = "/etc/kubernetes/kubeadm/token"  # noqa: S105 (a path)
JOIN_AUTHORITY_PATH = "/etc/kubernetes/kubeadm/ca.crt"
API_PORT = 6443
OF_THE_VERSION = {"apiVersion", "kubernetesVersion"}
"""Keys of the ClusterConfiguration that an upgrade changes."""


def configuration(host: Host, settings: Settings) -> File:
    """The configuration of kubeadm on a host."""
    return (init_configuration if host.role == "control-plane" else join_configuration)(host, settings)


def init_configuration(host: Host, settings: Settings) -> File:
    """The configuration of `kubeadm init` on the control plane."""
    init = {
        "apiVersion": kubeadm_api_version(settings.cluster.kubernetes_version),
        "kind": "InitConfiguration",
        # kubeadm always makes a token; each join uses a token of its own.
        "bootstrapTokens": [{"ttl": "1m0s", "description": "made by kubeadm init, of no use"}],
        "localAPIEndpoint": {"advertiseAddress": str(host.internal_ip), "bindPort": API_PORT},
        "nodeRegistration": _node_registration(host, settings, settings.cluster.control_plane_taints),
    }
    documents = [
        init,
        _cluster_configuration(settings),
        _kubelet_configuration(settings),
        _kube_proxy_configuration(settings),
    ]
    return File(PATH, yaml_text(*documents), mode="0600")


def join_files(token: str, authority: str) -> list[File]:
    """The secret files of `kubeadm join`, of which scripts/steps/join.sh makes the discovery file.

    The state keeps each byte of them four times, sealed, so they are the least that a join needs.

    Args:
        token: bootstrap token; empty for a worker that is a Ready node.
        authority: certificate of the cluster's authority, in PEM.
    """
    return [File(JOIN_TOKEN_PATH, token, "0600"), File(JOIN_AUTHORITY_PATH, authority)]


def digests(settings: Settings) -> dict[str, str]:
    """Digests of the documents that a running cluster can be reconfigured with, without the version."""
    cluster = {key: value for key, value in _cluster_configuration(settings).items() if key not in OF_THE_VERSION}
    return {
        "CLUSTER_CONFIGURATION_SHA256": _sha256(cluster),
        **kubelet_digest(settings),
        "KUBE_PROXY_CONFIGURATION_SHA256": _sha256(_kube_proxy_configuration(settings)),
    }


def identity(settings: Settings) -> str:
    """The settings that kubeadm writes once, and never again, as one line."""
    networking = settings.cluster.networking
    return (
        f"name {settings.cluster.name}, endpoint {endpoint(settings)}, node {settings.control_plane.internal_ip},"
        f" pods {networking.pod_subnet}, services {networking.service_subnet}, domain {networking.dns_domain}"
    )


def kubelet_digest(settings: Settings) -> dict[str, str]:
    """Digest of the KubeletConfiguration, as in `digests`."""
    return {"KUBELET_CONFIGURATION_SHA256": _sha256(_kubelet_configuration(settings))}


def _cluster_configuration(settings: Settings) -> dict[str, Any]:
    cluster = settings.cluster
    document = {
        "apiVersion": kubeadm_api_version(cluster.kubernetes_version),
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": f"v{cluster.kubernetes_version}",
        "controlPlaneEndpoint": endpoint(settings),
        "imageRepository": settings.images.rewritten("registry.k8s.io/x").removesuffix("/x"),
        "networking": {
            "podSubnet": str(cluster.networking.pod_subnet),
            "serviceSubnet": str(cluster.networking.service_subnet),
            "dnsDomain": cluster.networking.dns_domain,
        },
    }
    return merged(document, cluster.cluster_configuration)


def _kubelet_configuration(settings: Settings) -> dict[str, Any]:
    document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "failSwapOn": False,
        # Pods that name no seccomp profile get the profile of containerd; without it they may use every system call.
        **({"seccompDefault": True} if has_seccomp_default(settings.cluster.kubernetes_version) else {}),
    }
    return merged(document, settings.cluster.kubelet_configuration)


def _kube_proxy_configuration(settings: Settings) -> dict[str, Any]:
    document = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}
    return merged(document, settings.cluster.kube_proxy_configuration)


def endpoint(settings: Settings) -> str:
    """The endpoint of the API, as kubeadm is given it; the setting may have no port."""
    return settings.cluster.control_plane_endpoint or f"{settings.control_plane.internal_ip}:{API_PORT}"


def api_server(settings: Settings) -> str:
    """The URL of the API. An endpoint without a port has kubeadm's own."""
    found = endpoint(settings)
    return f"https://{found}" if re.search(r":\d+$", found) else f"https://{found}:{API_PORT}"


def join_configuration(host: Host, settings: Settings) -> File:
    """The configuration of `kubeadm join` on a worker. A secret file has the token."""
    join = {
        "apiVersion": kubeadm_api_version(settings.cluster.kubernetes_version),
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_PATH}},
        "nodeRegistration": _node_registration(host, settings, host.taints),
    }
    return File(PATH, yaml_text(join), mode="0600")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` merged with `over`, mapping by mapping; lists and values are replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _node_registration(host: Host, settings: Settings, taints: tuple[Taint, ...]) -> dict[str, Any]:
    arguments = {"node-ip": str(host.internal_ip)}
    return {
        "name": host.name,
        "criSocket": SOCKET,
        "kubeletExtraArgs": _extra_arguments(arguments, settings),
        "taints": [taint.model_dump(exclude_defaults=True) for taint in taints],
    }


def _extra_arguments(arguments: dict[str, str], settings: Settings) -> dict[str, str] | list[dict[str, str]]:
    """v1beta4 made a list of the mapping: kubernetes pull request 125029."""
    if kubeadm_api_version(settings.cluster.kubernetes_version).endswith("v1beta3"):
        return arguments
    return [{"name": name, "value": value} for name, value in arguments.items()]


def _sha256(document: dict[str, Any]) -> str:
    return hashlib.sha256(yaml_text(document).encode()).hexdigest()
