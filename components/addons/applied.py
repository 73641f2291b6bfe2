"""The component of an add-on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pulumi

from components.addons.addon import Addon
from components.addons.manifests import API_SERVICE, Manifest, defined_kinds, group_and_kind
from components.addons.registered import is_workload, register
from components.cluster_access import ClusterAccess
from components.gate import gate
from components.settings import Settings


def apply_addons(
    addons: Iterable[Addon],
    cluster: ClusterAccess,
    settings: Settings,
    *,
    after: Sequence[pulumi.Resource] = (),
    opts: pulumi.ResourceOptions | None = None,
) -> list[AppliedAddon]:
    """Apply add-ons side by side.

    Args:
        addons: the add-ons.
        cluster: the cluster that gets the objects.
        settings: the settings of the stack.
        after: the namespaces of the add-ons, and nodes for their pods.
        opts: options of the components, at least the parent.
    """
    applied = [AppliedAddon(each, each.objects(settings), cluster, after=after, opts=opts) for each in addons]
    definers = {kind: each for each in applied for kind in each.defines}
    for each in applied:
        each.apply(definers)
    for each in applied:
        each.finish(definers)
    return applied


class AppliedAddon(pulumi.ComponentResource):
    """The objects of an add-on are in the cluster, and its workloads run.

    Workloads are applied when all other objects are there. Objects of a kind that an add-on defines come after the
    workloads of that add-on, which may have to check them. Nothing waits for them, so two add-ons may need kinds of
    each other. An APIService comes last, too: while nobody serves it, nobody can delete a namespace.

    Attributes:
        defines: groups and kinds that the add-on defines.
        configured: exists when every object exists, but workloads and what comes after these.
        running: the workloads.
    """

    configured: pulumi.Resource
    running: list[pulumi.Resource]

    def __init__(
        self,
        addon: Addon,
        objects: list[Manifest],
        cluster: ClusterAccess,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        super().__init__(f"kubeadm:index:{addon.type}", cluster.resource_name(addon.name), None, opts)
        self.defines = defined_kinds(objects)
        self._name, self._objects, self._cluster, self._after = addon.name, objects, cluster, list(after)

    def apply(self, definers: Mapping[tuple[str, str], AppliedAddon]) -> None:
        """Apply the objects whose kind no add-on defines."""
        known = [each for each in self._objects if not self._comes_last(each, definers)]
        workloads = [each for each in known if is_workload(each)]
        made = [self._register(each) for each in known if each not in workloads]
        self.configured = gate(self._cluster.resource_name(self._name, "configured"), after=made, parent=self)
        self.running = [self._register(each, self.configured) for each in workloads]

    def finish(self, definers: Mapping[tuple[str, str], AppliedAddon]) -> None:
        """Apply the other objects."""
        for each in self._objects:
            if self._comes_last(each, definers):
                of = definers.get(group_and_kind(each), self)
                self._register(each, of.configured, *of.running)

    @staticmethod
    def _comes_last(manifest: Manifest, definers: Mapping[tuple[str, str], AppliedAddon]) -> bool:
        return manifest["kind"] == API_SERVICE or group_and_kind(manifest) in definers

    def _register(self, manifest: Manifest, *after: pulumi.Resource) -> pulumi.Resource:
        return register(manifest, self._cluster, self, after=[*self._after, *after])
