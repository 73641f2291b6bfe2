"""Objects as resources of their own, and what the provider gets of each.

Objects are registered from Python, instead of by a YAML component of the provider, so that the preview of an empty
stack shows every object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.addons.manifests import DEFINITION, Manifest, group_and_kind, object_name, own_metadata
from components.cluster_access import ClusterAccess, resource_type

FIELD_MANAGER = "pulumi-kubeadm"
"""A fixed owner of fields. The provider would make up an owner. After a killed update no state has this name: the
fields keep their owner for ever, and the next update ends in conflicts.
"""

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
"""Kinds that the provider would wait for, and what they would need: workloads, which are applied later."""
KEPT_BY_HELM = "helm.sh/resource-policy"
"""Annotation of an object of a chart that outlives the chart, such as a claim of a volume."""


def with_field_manager(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an object whose fields have this project as their owner."""
    metadata = inputs["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/patchFieldManager": FIELD_MANAGER}
    return {**inputs, "metadata": {**metadata, "annotations": annotations}}


def stays(kind: str, inputs: Mapping[str, Any]) -> bool:
    """True for an object that stays in the cluster when its add-on goes: a definition, or one that a chart marks so."""
    annotations = (inputs.get("metadata") or {}).get("annotations") or {}
    return kind == DEFINITION or annotations.get(KEPT_BY_HELM) == "keep"


def is_workload(manifest: Manifest) -> bool:
    """True for an object that needs others to be there: a pod is refused without its service account."""
    return manifest["kind"] in WAITS or manifest.get("type") == TOKEN_TYPE


def object_inputs(manifest: Manifest) -> Manifest:
    """The inputs of an object for the provider, without fields that others write later."""
    # A controller owns the rules of a role that collects the rules of others: sending rules is a conflict with it.
    left_out = {"status", "rules"} if "aggregationRule" in manifest else {"status"}
    kept = {key: value for key, value in manifest.items() if key not in left_out}
    sent = with_field_manager({**kept, "metadata": own_metadata(manifest)})
    if manifest["kind"] in SETTLES_LATER:
        sent["metadata"]["annotations"]["pulumi.com/skipAwait"] = "true"
    return sent


def register(
    manifest: Manifest, cluster: ClusterAccess, parent: pulumi.Resource, *, after: Sequence[pulumi.Resource]
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
        # Without the alias the engine would create the object again, and then delete it under its former version.
        options.aliases = [pulumi.Alias(type_=resource_type(before, kind))]
    of_sdk = resource_type(api_version, kind)
    return pulumi.CustomResource(of_sdk, cluster.resource_name(named), object_inputs(manifest), options)
