"""The namespaces that a stack uses, but for the namespaces of Kubernetes itself."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.addons import addons_of
from components.cluster_access import ClusterAccess
from components.objects.kubernetes_object import KubernetesObject
from components.settings import Settings

ALWAYS_THERE = {"default", "kube-system", "kube-public", "kube-node-lease"}


class Namespaces(pulumi.ComponentResource):
    """Every namespace that add-ons, access rules or image pull secrets name exists.

    A namespace that no setting names any more stays, with all objects in it; an add-on deletes its namespace.
    """

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the namespaces.

        Args:
            after: the pod network. Pods cannot end without it, so the pod network is deleted after the namespaces.
        """
        super().__init__("kubeadm:index:Namespaces", cluster.resource_name("namespaces"), None, opts)
        of_addons = _of_addons(settings)
        for each in namespaces(settings):
            options = cluster.options(self, after=list(after))
            # A later update takes over a namespace that stayed: always with this provider, from 4.29 on with
            # `upsert_existing_objects` (pulumi-kubernetes pull request 4278).
            options.retain_on_delete = each.name not in of_addons
            each.register(cluster, options)
        self.register_outputs({})


def namespaces(settings: Settings) -> list[KubernetesObject]:
    """The namespaces that the settings name, by name."""
    names = _of_addons(settings) | settings.access.namespaces | set(settings.images.pull_secret_namespaces)
    return [
        KubernetesObject(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for name in sorted(names - ALWAYS_THERE)
    ]


def _of_addons(settings: Settings) -> set[str]:
    return {addon.namespace for addon in addons_of(settings) if addon.namespace}
