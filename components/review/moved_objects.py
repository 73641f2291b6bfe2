"""Objects that an update would make as another resource, and then delete as their former resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from components.addons import addons_of
from components.addons.manifests import group_and_kind, object_name
from components.addons.registered import stays
from components.objects.access_rules import access_objects
from components.review.owners import ObjectKey, key_of
from components.settings import Settings
from components.steps.wanted import Wanted

ACCESS = "kubeadm:index:AccessRules"


class _Resource(NamedTuple):
    """A resource of an object: its component, by type, and its group, kind and name there."""

    component: str
    group: str
    kind: str
    name: str


def moved_objects(wanted: Wanted) -> Iterator[str]:
    """A line for each add-on, or the access rules, with an object that the last update made as another resource.

    The engine makes the resources that come before it deletes those that go: the object would be gone afterwards.
    """
    if not wanted.last.objects:
        return
    coming = list(_wanted(wanted.settings))
    leaving = _leaving(wanted, {resource for _, resource, _ in coming})
    for owner in dict.fromkeys(owner for owner, _, _ in coming):
        moved = sorted(
            (resource.name, before)
            for each, resource, manifest in coming
            if each == owner
            for before in _found(leaving, manifest)
        )
        if moved:
            name, before = moved[0]
            yield _line(owner, name, before)


def _line(owner: str, name: str, before: str) -> str:
    if name == before:
        what = f"its objects are those of another add-on until that one has left, found {name}; leave it out"
        return f"{owner}: {what}, or switch it off, `pulumi up`, then write it again"
    return (
        f"{owner}: {name} is the object {before} of the last update, which goes: it would be made, and then deleted;"
        " name it as before, or leave it out, `pulumi up`, then write it again"
    )


def _wanted(settings: Settings) -> Iterator[tuple[str, _Resource, Mapping[str, Any]]]:
    for addon in addons_of(settings):
        for manifest in addon.objects(settings):
            resource = _Resource(f"kubeadm:index:{addon.type}", *group_and_kind(manifest), object_name(manifest))
            yield f"add-on {addon.name}", resource, manifest
    for each in access_objects(settings):
        yield "access", _Resource(ACCESS, key_of(each.inputs).group, each.kind, each.name), each.inputs


def _leaving(wanted: Wanted, kept: set[_Resource]) -> dict[ObjectKey, str]:
    """Names of the resources that this update deletes, by the object that is deleted with them.

    The answer of the cluster has the namespace of each object, `default` too, but for kinds of the whole cluster.
    """
    found = {}
    for key, recorded in wanted.last.objects.items():
        resource = _Resource(wanted.last.components[key], *key)
        _, kind, name = key
        is_deleted = kind != "Namespace" and not kind.endswith("Patch") and not stays(kind, recorded)
        if is_deleted and resource not in kept:
            namespace = recorded["metadata"].get("namespace") or ""
            found[key_of(recorded)._replace(namespace=namespace)] = name
    return found


def _found(leaving: Mapping[ObjectKey, str], manifest: Mapping[str, Any]) -> Iterator[str]:
    """The deleted resources with the object of a manifest."""
    key = key_of(manifest)
    for namespace in (key.namespace or "default", ""):
        if key._replace(namespace=namespace) in leaving:
            yield leaving[key._replace(namespace=namespace)]
