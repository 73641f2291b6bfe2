"""Namespaces of objects: which kinds belong to the whole cluster, and a namespace for the others that name none."""

from __future__ import annotations

from components.addons.manifests import Manifest, defined_kinds, group_and_kind

OF_CLUSTER = {
    "": ("Namespace", "Node", "PersistentVolume"),
    "admissionregistration.k8s.io": (
        *("MutatingWebhookConfiguration", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
        *("ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    ),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    "networking.k8s.io": ("IngressClass", "IPAddress", "ServiceCIDR"),
    "node.k8s.io": ("RuntimeClass",),
    "policy": ("PodSecurityPolicy",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "resource.k8s.io": ("DeviceClass", "DeviceTaintRule", "ResourceSlice"),
    "scheduling.k8s.io": ("PriorityClass",),
    "storage.k8s.io": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
    "storagemigration.k8s.io": ("StorageVersionMigration",),
}
"""Kinds of Kubernetes that belong to the whole cluster, by group: `genclient:nonNamespaced` in k8s.io/api 0.36."""


def in_namespace(objects: list[Manifest], namespace: str | None) -> list[Manifest]:
    """The objects, with the namespace for each that names none and may have one, as `kubectl --namespace` gives it.

    The API takes it away again from an object of the whole cluster whose definition is not among the objects.
    """
    of_cluster = defined_kinds(objects, "Cluster")
    for each in objects:
        kind = group_and_kind(each)
        if namespace and not (each["metadata"].get("namespace") or is_of_cluster(*kind) or kind in of_cluster):
            each["metadata"]["namespace"] = namespace
    return objects


def is_of_cluster(group: str, kind: str) -> bool:
    """True for a kind of Kubernetes that belongs to the whole cluster; the API passes over a namespace there."""
    return kind in OF_CLUSTER.get(group, ())
