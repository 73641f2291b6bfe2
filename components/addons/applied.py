"""The component of an add-on."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.addons.addon import Addon
from components.addons.manifests import register
from components.cluster_access import ClusterAccess
from components.gate import gate
from components.settings import Settings

WORKLOADS = {"DaemonSet", "Deployment"}


class AppliedAddon(pulumi.ComponentResource):
    """The objects of an add-on are in the cluster, and its workloads, which are applied last, run.

    Attributes:
        configured: exists when every object but the workloads exists.
    """

    configured: pulumi.Resource

    def __init__(
        self,
        addon: Addon,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Apply an add-on.

        Args:
            addon: the add-on.
            cluster: the cluster that gets the objects.
            settings: the settings of the stack.
            after: the namespace of the add-on, and nodes for its pods.
            opts: options of the component, at least the parent.
        """
        super().__init__(f"kubeadm:index:{addon.type}", cluster.resource_name(addon.name), None, opts)
        objects = addon.objects(settings)
        first: list[pulumi.Resource] = [
            register(manifest, cluster, self, after=list(after))
            for manifest in objects
            if manifest["kind"] not in WORKLOADS
        ]
        self.configured = gate(cluster.resource_name(addon.name, "configured"), after=first, parent=self)
        for manifest in objects:
            if manifest["kind"] in WORKLOADS:
                register(manifest, cluster, self, after=[*after, self.configured])
