"""The namespaces that a stack uses and no one else makes."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components.addons import addons_of
from components.cluster_access import ClusterAccess
from components.settings import Settings

ALWAYS_THERE = {"default", "kube-system", "kube-public", "kube-node-lease"}


class Namespaces(pulumi.ComponentResource):
    """Every namespace that add-ons, access rules or image pull secrets name exists.

    It stays when nothing names it any more, with what others run in it; that of an add-on goes with the add-on.
    """

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the namespaces.

        Args:
            after: the pod network. Pods cannot end without it, so it is deleted after the namespaces.
        """
        super().__init__("kubeadm:index:Namespaces", cluster.resource_name("namespaces"), None, opts)
        of_addons = {addon.namespace for addon in addons_of(settings) if addon.namespace}
        names = of_addons | settings.access.namespaces | set(settings.images.pull_secret_namespaces)
        for name in sorted(names - ALWAYS_THERE):
            options = cluster.options(self, after=list(after))
            # One that stayed is taken over by a later update: by this provider always, from 4.29 on with
            # `upsert_existing_objects` (pulumi-kubernetes pull request 4278).
            options.retain_on_delete = name not in of_addons
            kubernetes.core.v1.Namespace(cluster.resource_name(name), metadata={"name": name}, opts=options)
        self.register_outputs({})
