"""kubeadm's configuration, in the API version that fits the cluster's Kubernetes version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from components._remote import File
from components.containerd import SOCKET
from components.settings import Host, Settings, Taint
from components.versions import kubeadm_api_version

PATH = "/etc/kubernetes/kubeadm/config.yaml"
DISCOVERY_PATH = "/etc/kubernetes/kubeadm/discovery.conf"
API_PORT = 6443


def init_configuration(host: Host, settings: Settings) -> File:
    """What `kubeadm init` reads on the control plane."""
    cluster = settings.cluster
    api_version = kubeadm_api_version(cluster.kubernetes_version)
    image_repository = settings.images.rewritten("registry.k8s.io/x").removesuffix("/x")
    init = {
        "apiVersion": api_version,
        "kind": "InitConfiguration",
        # kubeadm makes one token in any case; ours are made for each join.
        "bootstrapTokens": [{"ttl": "1m0s", "description": "made by kubeadm init, of no use"}],
        "localAPIEndpoint": {"advertiseAddress": str(host.internal_ip), "bindPort": API_PORT},
        "nodeRegistration": _node_registration(host, settings, cluster.control_plane_taints),
    }
    cluster_configuration = {
        "apiVersion": api_version,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": f"v{cluster.kubernetes_version}",
        "controlPlaneEndpoint": cluster.control_plane_endpoint or f"{host.internal_ip}:{API_PORT}",
        "imageRepository": image_repository,
        "networking": {
            "podSubnet": str(cluster.networking.pod_subnet),
            "serviceSubnet": str(cluster.networking.service_subnet),
            "dnsDomain": cluster.networking.dns_domain,
        },
    }
    kubelet = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "failSwapOn": False,
    }
    kube_proxy = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}
    documents = [
        init,
        merged(cluster_configuration, cluster.cluster_configuration),
        merged(kubelet, cluster.kubelet_configuration),
        merged(kube_proxy, cluster.kube_proxy_configuration),
    ]
    return File(PATH, _yaml(documents), mode="0600")


def join_configuration(host: Host, settings: Settings) -> File:
    """What `kubeadm join` reads on a worker. The secret part, a fresh token, comes in a file of its own."""
    join = {
        "apiVersion": kubeadm_api_version(settings.cluster.kubernetes_version),
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_PATH}},
        "nodeRegistration": _node_registration(host, settings, host.taints),
    }
    return File(PATH, _yaml([join]), mode="0600")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `over` says, mapping by mapping; lists and values are replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def _node_registration(host: Host, settings: Settings, taints: tuple[Taint, ...]) -> dict[str, Any]:
    arguments = {"node-ip": str(host.internal_ip)}
    if host.labels:
        arguments["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(host.labels.items()))
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


def _yaml(documents: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)
