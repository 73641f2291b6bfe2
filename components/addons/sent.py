"""Objects of add-ons as the engine and the provider get them.

Every object is a resource, and no YAML component of the provider, so that the preview of an empty stack shows it.
"""

from __future__ import annotations

import pulumi

from components.addons.manifests import FIELD_MANAGER, Manifest, group_and_kind, object_name, stays
from components.cluster_access import ClusterAccess, resource_type

WAITS = {
    "DaemonSet": "4m",
    **dict.fromkeys(("Deployment", "StatefulSet", "Job", "Pod", "ReplicaSet", "ReplicationController"), "5m"),
}
"""Time in which a workload must run, or a job end. The provider would wait ten minutes before it reports the cause: a
machine that died while it joined, or an image that cannot be pulled. Nodes have the images of DaemonSets before."""
TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105
"""Type of a Secret that Kubernetes deletes while the service account of its annotation is not there."""

SETTLES_LATER = {
    "Service": "endpoints, while the Deployment already proves that pods run",
    "Ingress": "an address, which a controller writes, if there is one: a workload, which may be of the same add-on",
    "PersistentVolumeClaim": "a volume, which is made for a pod; and at an update for none, in a class that waits for"
    " the first pod (untilCoreV1PersistentVolumeClaimReady of pulumi-kubernetes 4.25)",
}
"""Kinds on which the provider would wait for what comes after them, and what for: workloads are applied later."""
OF_THE_SERVER = {"managedFields", "resourceVersion", "uid", "generation", "selfLink"}
"""Fields of metadata that `kubectl get --output yaml` prints: the API refuses an object that comes with one."""


def is_workload(manifest: Manifest) -> bool:
    """True for an object that needs others to be there: a pod is refused without its service account."""
    return manifest["kind"] in WAITS or manifest.get("type") == TOKEN_TYPE


def object_inputs(manifest: Manifest) -> Manifest:
    """The inputs that the provider gets of an object: without what others write into it once it is there."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in OF_THE_SERVER}
    # The rules of a role that collects those of others are the controller's: to send some is a conflict with it.
    left_out = {"status", "rules"} if "aggregationRule" in manifest else {"status"}
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/patchFieldManager": FIELD_MANAGER}
    if manifest["kind"] in SETTLES_LATER:
        annotations["pulumi.com/skipAwait"] = "true"
    return {
        **{key: value for key, value in manifest.items() if key not in left_out},
        "metadata": {**metadata, "annotations": annotations},
    }


def register(
    manifest: Manifest, cluster: ClusterAccess, parent: pulumi.Resource, *, after: list[pulumi.Resource] | None = None
) -> pulumi.CustomResource:
    """Register an object of any kind under the type of its class in the SDK."""
    kind, named = manifest["kind"], object_name(manifest)
    options = cluster.options(parent, after=after)
    if kind == "Secret":
        # The program that uses the secret owns its data.
        options.ignore_changes = ["data"]
    # When a newer manifest lacks a definition, deleting it would delete every object of its kind.
    options.retain_on_delete = stays(kind, manifest)
    if kind in WAITS:
        options.custom_timeouts = pulumi.CustomTimeouts(create=WAITS[kind], update=WAITS[kind])
    api_version, before = manifest["apiVersion"], cluster.recorded_api_version(*group_and_kind(manifest), named)
    if before and before != api_version:
        # Else the engine would create the object that is there, and then delete it under its other version.
        options.aliases = [pulumi.Alias(type_=resource_type(before, kind))]
    of_sdk = resource_type(api_version, kind)
    return pulumi.CustomResource(of_sdk, cluster.resource_name(named), object_inputs(manifest), options)
