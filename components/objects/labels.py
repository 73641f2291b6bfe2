"""Labels of the nodes."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.cluster_access import ClusterAccess
from components.objects.kubernetes_object import KubernetesObject
from components.settings import Host, Settings


class NodeLabels(pulumi.ComponentResource):
    """Each node has the labels of its host, beside the labels of other owners. Labels restart nothing.

    The API gets the labels, not the kubelet, which may not set labels such as node-role.kubernetes.io/worker.

    The provider deletes labels by applying the node without them, which makes the node anew of a machine that is gone
    (`Relinquish` of pulumi-kubernetes 4.24). So the resource is deleted without the provider. A host that lost its
    labels keeps the resource, without any.
    """

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        nodes: Mapping[str, pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__("kubeadm:index:NodeLabels", cluster.resource_name("labels"), None, opts)
        for host in settings.hosts.values():
            labels = node_labels(host)
            had_labels = cluster.recorded_api_version("", *labels.key) is not None
            if not host.gone and (host.labels or had_labels):
                options = cluster.options(self, after=[nodes[host.name]])
                options.retain_on_delete = True
                labels.register(cluster, options)
        self.register_outputs({})


def node_labels(host: Host) -> KubernetesObject:
    """The labels of a node, which belong to the stack."""
    metadata = {
        "name": host.name,
        "labels": dict(host.labels),
        # A fixed owner of these fields, independent of the name of the resource.
        "annotations": {"pulumi.com/patchFieldManager": "pulumi-kubeadm-labels"},
    }
    return KubernetesObject(host.name, {"apiVersion": "v1", "kind": "Node", "metadata": metadata}, is_patch=True)
