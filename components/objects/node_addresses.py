"""The addresses of the nodes, for those who may only trust the stack: kubelets may not write a ConfigMap."""

from __future__ import annotations

from components.objects.kubernetes_object import KubernetesObject
from components.settings import Settings

NAMESPACE, NAME = "kube-system", "pulumi-kubeadm-nodes"


def node_addresses(settings: Settings) -> KubernetesObject:
    """The address of each host by name, by which control planes approve certificates of kubelets."""
    inputs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {host.name: str(host.internal_ip) for host in settings.hosts.values() if not host.gone},
    }
    return KubernetesObject(f"{NAMESPACE}/{NAME}", inputs)
