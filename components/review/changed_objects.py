"""Changes of Kubernetes objects, as lines of the plan."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from components.addons import ADDONS, Addon, known_addons
from components.addons.manifests import group_and_kind, object_name
from components.addons.registered import object_inputs, stays
from components.objects.access_rules import Subject, access_objects
from components.objects.kubernetes_object import KubernetesObject
from components.objects.namespaces import ENFORCE, namespaces
from components.objects.pull_secrets import pull_secret_objects
from components.settings import Registry, Settings
from components.settings.kubeadm_documents import value_at
from components.steps.wanted import Wanted

Inputs = Mapping[str, Any]
Key = tuple[str, str, str]
"""API group, kind and name of a resource, as the last update records it."""

LABELS, ADDRESSES = "NodePatch", "ConfigMap"
"""Kinds of the objects with labels and addresses of nodes, whose changes are in the lines of the nodes."""
KINDS = {
    "Namespace": "namespace",
    "ServiceAccount": "service account",
    "ServiceAccountPatch": "pull secret of service account",
    "Secret": "secret",
    "Role": "role",
    "ClusterRole": "cluster role",
    "RoleBinding": "binding",
    "ClusterRoleBinding": "binding in the whole cluster",
}
"""Words for the kinds of objects that follow from settings, but for LABELS and ADDRESSES."""
CLAIM = "PersistentVolumeClaim"
REPLACING = {
    ("", CLAIM): tuple(f"spec.{field}" for field in ("accessModes", "selector", "storageClassName", "volumeName")),
    ("", "PersistentVolume"): tuple(f"spec.{field}" for field in ("csi", "hostPath", "iscsi", "local", "nfs")),
    ("", "Pod"): ("spec",),
    ("", "Service"): ("spec.clusterIP",),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("apps", "StatefulSet"): tuple(
        f"spec.{field}"
        for field in ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
    ),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("batch", "Job"): tuple(f"spec.{field}" for field in ("completions", "parallelism", "selector", "template")),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
"""Fields of an object that the API does not change: the provider (4.25, forceNew) replaces the object. Of a pod it
changes hardly anything."""
OF_IMMUTABLE = {("", "ConfigMap"): ("binaryData", "data")}
"""Such fields of an object with `immutable: true`."""
FIELDS = {"roleRef": "role", "data": "content"}
"""Words for fields of an object, where these differ from the name of the field."""


def object_changes(wanted: Wanted, passwords: Mapping[Registry, str]) -> Iterator[str]:
    """A line for each namespace, access rule and pull secret that is created, changes or is deleted."""
    if not wanted.last.objects:
        return
    after = {each.key: each.sent for each in _objects(wanted.settings, passwords)}
    before = {
        (kind, name): _inputs(each)
        for (_, kind, name), each in wanted.last.objects.items()
        if kind not in {LABELS, ADDRESSES} and not _is_of_addon(kind, name)
    }
    for key in [*after, *sorted(before.keys() - after.keys())]:
        kind, name = key
        change = _change(before.get(key), after[key]) if key in after else _end(kind, name, wanted)
        if change:
            yield f"{KINDS.get(kind, kind)} {name}: {change}"


def _objects(settings: Settings, passwords: Mapping[Registry, str]) -> Iterator[KubernetesObject]:
    """Every object of the table KINDS that the settings want."""
    yield from namespaces(settings)
    yield from access_objects(settings)
    yield from pull_secret_objects(settings, passwords)


def _change(before: Inputs | None, after: Inputs) -> str:
    """The change of an object in words; empty where the object stays as it is."""
    if before is None:
        return f"is created{_grant(after)}"
    old, new = (_comparable(each, with_data="stringData" in after) for each in (before, after))
    changed = sorted(FIELDS.get(key, key) for key in {*old, *new} if old.get(key) != new.get(key))
    if not changed:
        return ""
    return _level_change(before, after) or f"changes in {', '.join(changed)}{_grant(after)}"


def _level_change(before: Inputs, after: Inputs) -> str:
    """The change of a namespace's Pod Security level; empty where it has the same one, and for other objects."""
    old, new = (_labels_of(each).get(ENFORCE) for each in (before, after))
    return f"Pod Security level {new}, {old or 'none'} before; for new pods only" if old != new else ""


def _grant(inputs: Inputs) -> str:
    """The role of a binding, and its subjects; empty for other objects."""
    if "roleRef" not in inputs:
        return ""
    subjects = [Subject(each["kind"], each.get("namespace", ""), each["name"]) for each in inputs["subjects"]]
    return f": {inputs['roleRef']['name']} for {', '.join(map(str, subjects)) or 'nobody'}"


def _end(kind: str, name: str, wanted: Wanted) -> str:
    if kind != "Namespace":
        return "is deleted"
    if any(addon.namespace == name and _left_by(addon, wanted) for addon in ADDONS):
        return "is deleted, with every object in it"
    return "no setting names it any more; it stays, with every object in it"


def label_changes(wanted: Wanted) -> Iterator[str]:
    """A line for each node whose labels change; no node restarts."""
    for host in wanted.settings.hosts.values():
        before = _labels_of(wanted.last.objects.get(("", LABELS, host.name), {}))
        after = {} if host.gone else dict(host.labels)
        changes = [
            *(f"{name}={value}" for name, value in after.items() if before.get(name) != value),
            *(f"without {name}" for name in before if name not in after),
        ]
        if changes and wanted.last.is_member(host.name) and not host.gone:
            yield f"{host.name}: labels change: {', '.join(changes)}; nothing restarts"


def addon_changes(wanted: Wanted) -> Iterator[str]:
    """A line for each add-on that comes, changes or goes."""
    if not wanted.last.objects:
        return
    known: set[Key] = set()
    for addon in known_addons(wanted.settings):
        if not addon.is_wanted(wanted.settings):
            left = _left_by(addon, wanted)
            known |= left
            if left:
                yield f"add-on {addon.name}: is removed"
            continue
        rendered = _rendered(addon, wanted)
        recorded = {key: _inputs(each) for key, each in wanted.last.objects.items() if key in rendered}
        known |= rendered.keys()
        if not recorded:
            yield f"add-on {addon.name}: is applied"
        else:
            changed = [
                _with_end(key, recorded, inputs)
                for key, inputs in rendered.items()
                if key not in recorded or _comparable(recorded[key]) != _comparable(inputs)
            ]
            if changed:
                yield f"add-on {addon.name}: {', '.join(changed)} change{'s' if len(changed) == 1 else ''}"
    for key, inputs in sorted(wanted.last.objects.items(), key=lambda found: found[0][1:]):
        _, kind, name = key
        if _is_of_addon(kind, name) and key not in known:
            end = "stays" if stays(kind, _inputs(inputs)) else "is deleted"
            yield f"{name}: no add-on has it any more; it {end}"


def _with_end(key: Key, recorded: Mapping[Key, Inputs], inputs: Inputs) -> str:
    """The name of an object that changes, with a note if the provider replaces the object."""
    group, kind, name = key
    fields = (OF_IMMUTABLE if inputs.get("immutable") is True else REPLACING).get((group, kind), ())
    old, new = (_without_zeros(each) for each in (recorded.get(key, inputs), inputs))
    if all(value_at(old, field) == value_at(new, field) for field in fields):
        return name
    return f"{name} (deleted, and made anew{', without its data' if kind == CLAIM else ''})"


def _is_of_addon(kind: str, name: str) -> bool:
    """True for a name from `object_name`; no other name has a capital letter."""
    return name.startswith(f"{kind}:")


def _left_by(addon: Addon, wanted: Wanted) -> set[Key]:
    """The objects of an add-on in the last update. Its manifest is not read: it may be out of reach."""
    component = f"kubeadm:index:{addon.type}"
    return {key for key, of in wanted.last.components.items() if of == component}


def _rendered(addon: Addon, wanted: Wanted) -> dict[Key, Inputs]:
    return {(*group_and_kind(each), object_name(each)): object_inputs(each) for each in addon.objects(wanted.settings)}


def _comparable(inputs: Inputs, *, with_data: bool = False) -> dict[str, Any]:
    """Inputs of an object without values that say nothing.

    The data of a secret belong to the program that uses the secret, unless the stack file has them (`with_data`). The
    provider (4.25) records `stringData` as `data`, in Base64.
    """
    if inputs.get("kind") == "Secret":
        given = inputs.get("stringData") or {}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items()}
        data = {"data": {**(inputs.get("data") or {}), **encoded}} if with_data else {}
        inputs = {key: value for key, value in inputs.items() if key not in {"data", "stringData"}} | data
    found: dict[str, Any] = _without_zeros(inputs)
    return found


def _without_zeros(node: Any) -> Any:
    """A part of an object without values that say nothing: the provider (4.25) drops some of them, and keeps others."""
    if isinstance(node, Mapping):
        pruned = {_spelling(str(key)): _without_zeros(value) for key, value in node.items()}
        return {key: value for key, value in pruned.items() if value}
    return [_without_zeros(each) for each in node] if isinstance(node, list) else node


def _spelling(key: str) -> str:
    """The key `x-kubernetes-...` of a definition as the SDK sends it, with underscores."""
    return key.replace("-", "_") if key.startswith("x-kubernetes-") else key


def _inputs(recorded: Inputs) -> Inputs:
    """The inputs of a recorded object: the provider keeps them beside the answer of the cluster."""
    found = recorded.get("__inputs", recorded)
    return found if isinstance(found, Mapping) else {}


def _labels_of(recorded: Inputs) -> dict[str, str]:
    """The labels that the last update gave a node or a namespace."""
    metadata = _inputs(recorded).get("metadata") or {}
    return {str(name): str(value) for name, value in (metadata.get("labels") or {}).items()}
