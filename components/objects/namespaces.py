"""The namespaces that a stack uses, but for the namespaces of Kubernetes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.addons import addons_of
from components.addons.of_stack import namespaces_of_addons
from components.cluster_access import ClusterAccess
from components.objects.kubernetes_object import KubernetesObject
from components.settings import Settings
from components.settings.access import OF_KUBERNETES

POD_SECURITY = "pod-security.kubernetes.io"
ENFORCE = f"{POD_SECURITY}/enforce"


class Namespaces(pulumi.ComponentResource):
    """Every namespace that add-ons, access rules or image pull secrets name exists, with its Pod Security level.

    Without a level, whoever may make a pod in a namespace has the machine of the pod, and with it a kubelet's rights. A
    namespace that no setting names any more stays, with all objects in it; an add-on deletes its namespace.
    """

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Create the namespaces.

        Args:
            after: the pod network. Pods cannot end without it, so the pod network is deleted after the namespaces.
        """
        super().__init__("kubeadm:index:Namespaces", cluster.resource_name("namespaces"), None, opts)
        of_addons = {addon.namespace for addon in addons_of(settings)}
        for each in namespaces(settings):
            options = cluster.options(self, after=after)
            # A later update takes over a namespace that stayed: TAKES_OVER in cluster_access.py.
            options.retain_on_delete = each.name not in of_addons
            each.register(cluster, options)
        self.register_outputs({})


def namespaces(settings: Settings) -> list[KubernetesObject]:
    """The namespaces that the settings name, by name, with the labels of their Pod Security levels."""
    of_addons = {addon.namespace: addon.pod_security(settings) for addon in addons_of(settings) if addon.namespace}
    levels = of_addons | settings.access.pod_security
    of_objects = namespaces_of_addons(settings)
    others = {*settings.access.namespaces, *settings.images.pull_secret_namespaces}
    names = {*levels, *of_objects, *others} - OF_KUBERNETES
    return [_namespace(name, levels.get(name), of_objects.get(name, {})) for name in sorted(names)]


def _namespace(name: str, level: str | None, of_manifest: Mapping[str, Any]) -> KubernetesObject:
    """A namespace with the level of the settings, or else of the labels in a manifest."""
    found = of_manifest.get("labels") or {}
    enforced = level or found.get(ENFORCE, "baseline")
    warns = {} if enforced == "privileged" else {f"{POD_SECURITY}/warn": "restricted"}
    metadata = {**of_manifest, "name": name, "labels": {**warns, **found, ENFORCE: enforced}}
    return KubernetesObject(name, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
