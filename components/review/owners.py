"""Objects of a cluster by a key that does not depend on the spelling in a manifest, and the owner of each object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from components.addons import ADDONS
from components.addons.manifests import group_and_kind, object_name
from components.addons.scopes import is_of_cluster
from components.objects.access_rules import API_GROUP, access_objects
from components.objects.node_addresses import node_addresses
from components.objects.pull_secrets import NAME as PULL_SECRET
from components.settings import Settings


class ObjectKey(NamedTuple):
    """An object of a cluster.

    Its namespace is empty in `default`, which is what a manifest without one means, and for a kind of the whole
    cluster, where many charts write one.
    """

    group: str
    kind: str
    namespace: str
    name: str


def key_of(manifest: Mapping[str, Any]) -> ObjectKey:
    """The object that a manifest is about."""
    metadata, kind = manifest["metadata"], group_and_kind(dict(manifest))
    namespace = "" if is_of_cluster(*kind) else metadata.get("namespace") or ""
    return ObjectKey(*kind, "" if namespace == "default" else namespace, metadata["name"])


OBJECTS_OF_KUBERNETES = {
    *(
        ObjectKey("", "ConfigMap", "kube-system", name)
        for name in ("kubeadm-config", "kubelet-config", "kube-proxy", "coredns", "extension-apiserver-authentication")
    ),
    ObjectKey("", "ConfigMap", "kube-public", "cluster-info"),
    ObjectKey("", "Service", "", "kubernetes"),
    ObjectKey("", "Service", "kube-system", "kube-dns"),
    *(ObjectKey("", "ServiceAccount", "kube-system", name) for name in ("kube-proxy", "coredns")),
    ObjectKey("apps", "DaemonSet", "kube-system", "kube-proxy"),
    ObjectKey("apps", "Deployment", "kube-system", "coredns"),
    *(ObjectKey(API_GROUP, kind, "kube-system", "kube-proxy") for kind in ("Role", "RoleBinding")),
    *(ObjectKey(API_GROUP, kind, "", "system:coredns") for kind in ("ClusterRole", "ClusterRoleBinding")),
    *(ObjectKey(API_GROUP, "ClusterRole", "", name) for name in ("cluster-admin", "admin", "edit", "view")),
    *(
        ObjectKey(API_GROUP, "ClusterRoleBinding", "", name)
        for name in ("cluster-admin", "kubeadm:cluster-admins", "kubeadm:get-nodes", "kubeadm:node-proxier")
    ),
    ObjectKey(API_GROUP, "ClusterRole", "", "kubeadm:get-nodes"),
}
"""Objects that kubeadm or the API server makes, and changes at an upgrade: kubeadm's app/phases/addons, and the roles
of https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles."""


def owners_beside_addons(settings: Settings) -> dict[ObjectKey, str]:
    """Owners of objects, in words, but for the add-ons of the stack."""
    return dict(_owners(settings))


def taken_access_objects(settings: Settings) -> Iterator[str]:
    """A line for each object of the access rules that Kubernetes has, or a built-in add-on."""
    built_in = dict(_built_in(settings))
    for each in access_objects(settings):
        key = key_of(each.inputs)
        owner = "Kubernetes" if key in OBJECTS_OF_KUBERNETES else built_in.get(key)
        if owner:
            yield f"access: {owner} has the same object; take another name, found {object_name(dict(each.inputs))}"


def _built_in(settings: Settings) -> Iterator[tuple[ObjectKey, str]]:
    for addon in ADDONS:
        if addon.is_wanted(settings):
            owner = f"add-on {addon.name}"
            yield from ((key_of(each), owner) for each in addon.objects(settings))
            if addon.namespace:
                yield ObjectKey("", "Namespace", "", addon.namespace), owner


def _owners(settings: Settings) -> Iterator[tuple[ObjectKey, str]]:
    yield from _built_in(settings)
    yield from ((key_of(each.inputs), "a rule in `access`") for each in access_objects(settings))
    yield key_of(node_addresses(settings).inputs), "the stack"
    for namespace in settings.images.pull_secret_namespaces:
        pull_secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PULL_SECRET, "namespace": namespace}}
        yield key_of(pull_secret), "images.pullSecretNamespaces"
