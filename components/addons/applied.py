"""The component of an add-on."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.addons.addon import Addon
from components.addons.manifests import defined_kinds, group_and_kind
from components.addons.registered import WAITS, register
from components.cluster_access import ClusterAccess
from components.gate import gate
from components.settings import Settings


class AppliedAddon(pulumi.ComponentResource):
    """The objects of an add-on are in the cluster, and its workloads run.

    Workloads are applied when all other objects are there. Objects of kinds that the manifest itself defines come last:
    a workload may have to check them. So does an APIService: while nobody serves it, nobody can delete a namespace.

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
        defined = defined_kinds(objects)
        last = [each for each in objects if each["kind"] == "APIService" or group_and_kind(each) in defined]
        workloads = [each for each in objects if each["kind"] in WAITS and each not in last]
        first = [each for each in objects if each not in workloads and each not in last]
        made: list[pulumi.Resource] = [register(each, cluster, self, after=after) for each in first]
        self.configured = gate(cluster.resource_name(addon.name, "configured"), after=made, parent=self)
        running = [register(each, cluster, self, after=[*after, self.configured]) for each in workloads]
        for manifest in last:
            register(manifest, cluster, self, after=[*after, self.configured, *running])
