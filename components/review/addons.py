"""Refusals of add-ons of the stack file, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from components.addons import ADDONS, addons_of
from components.addons.calico import calico_version
from components.addons.charts import left_out_hooks
from components.addons.manifests import (
    DEFINITION,
    Manifest,
    containers,
    defined_kinds,
    group_and_kind,
    object_name,
    with_replaced,
)
from components.addons.numbers import as_float, large_numbers
from components.addons.of_stack import objects_of_addon
from components.addons.scopes import OF_CLUSTER
from components.objects.namespaces import ENFORCE, namespaces
from components.review.owners import (
    OBJECTS_OF_KUBERNETES,
    ObjectKey,
    key_of,
    owners_beside_addons,
    taken_access_objects,
)
from components.review.pod_security import OPEN, pod_of, refused_pods
from components.settings import Settings
from components.settings.access import OF_KUBERNETES, POD_SECURITY_LEVELS
from components.settings.kubeadm_documents import value_at
from components.settings.stack_file import SettingsError
from components.settings.versions import calico_without_nftables, is_removed
from components.steps.wanted import Wanted
from problem import Problem

OWN_GROUPS = {
    *OF_CLUSTER,
    *(f"{name}.k8s.io" for name in ("authentication", "authorization", "coordination", "discovery", "events")),
}
"""Groups of Kubernetes itself with a dot. Groups of definitions end alike, such as gateway.networking.k8s.io."""


def refuse_wrong_addons(settings: Settings) -> None:
    """Refuse add-ons with an invalid manifest, a name or an object of another owner, or pods that may not run.

    Refused are access rules with an object of another owner, and a Calico that lacks the mode of kube-proxy, too.

    Raises:
        SettingsError: with every problem of every add-on.
    """
    problems = [
        *_calico_without_nftables(settings),
        *taken_access_objects(settings),
        *_closed_namespaces(settings),
        *_problems(settings),
    ] or list(refused_pods(settings))
    if problems:
        raise SettingsError(problems)


def hook_warnings(settings: Settings) -> Iterator[Problem]:
    """A warning of hooks of charts that nothing runs."""
    for name, addon in settings.addons.items():
        hooks = left_out_hooks(name, settings) if addon.chart else []
        if hooks:
            yield Problem(
                f"add-on {name}",
                expected="a chart without hooks of a removal or a rollback, which only Helm runs",
                seen=", ".join(hooks),
                next_command="read in the chart what they clean up, and do it by hand before you remove the add-on",
            )


def removed_warnings(settings: Settings) -> Iterator[Problem]:
    """A warning of objects of removed API versions. Helm still offers these versions to a chart."""
    version = settings.cluster.kubernetes_version
    for name in settings.addons:
        gone = {
            f"{each['kind']} of {each['apiVersion']}"
            for each in objects_of_addon(name, settings)
            if is_removed(each["apiVersion"], each["kind"], version)
        }
        if gone:
            yield Problem(
                f"add-on {name}",
                expected=f"API versions that Kubernetes {version} serves",
                seen=", ".join(sorted(gone)),
                next_command="a newer version of the add-on, or of a chart a value that names the API version",
            )


def missing_warnings(wanted: Wanted) -> Iterator[Problem]:
    """Warnings, before the first update, of kinds and namespaces that add-ons need and the stack lacks."""
    settings = wanted.settings
    if wanted.last.objects:
        return  # others may have made them since the first update
    found = {addon.name: addon.objects(settings) for addon in addons_of(settings)}
    kinds = {kind for objects in found.values() for kind in defined_kinds(objects)}
    there = {each.name for each in namespaces(settings)} | OF_KUBERNETES | {""}
    for name in settings.addons:
        missing = []
        for each in found[name]:
            group, namespace = group_and_kind(each)[0], key_of(each).namespace
            if "." in group and group not in OWN_GROUPS and group_and_kind(each) not in kinds:
                missing.append(f"{each['kind']} of {group}")
            if namespace not in there:
                missing.append(f"the namespace {namespace}")
        if missing:
            yield Problem(
                f"add-on {name}",
                expected="the kinds and namespaces of its objects in a new cluster",
                seen=f"nothing in the stack that makes {', '.join(dict.fromkeys(missing))}",
                next_command="an add-on with the definitions; for a namespace an object in a manifest, or its level in"
                " access.podSecurity",
            )


def _calico_without_nftables(settings: Settings) -> Iterator[str]:
    """A line for a manifest of a Calico that cannot work beside this kube-proxy; the settings know listed ones only."""
    if settings.calico.manifest_url and settings.cluster.kube_proxy_configuration.get("mode") == "nftables":
        version = calico_version(settings)
        problem = calico_without_nftables(version, f"{version} at calico.manifestUrl") if version else None
        yield from [problem] if problem else []


def _closed_namespaces(settings: Settings) -> Iterator[str]:
    """Lines for namespaces whose level refuses the pods of their built-in add-on, which need their machine."""
    for addon in ADDONS:
        level = settings.access.pod_security.get(addon.namespace or "", OPEN)
        if addon.is_wanted(settings) and addon.pod_security(settings) == OPEN != level:
            yield (
                f"access.podSecurity.{addon.namespace}: pods of the add-on {addon.name} need the level {OPEN}, found"
                f" {level}; remove it"
            )


def _problems(settings: Settings) -> Iterator[str]:
    of_others = owners_beside_addons(settings) if settings.addons else {}
    owners, built_in = dict(of_others), {addon.name for addon in ADDONS}
    shared: dict[ObjectKey, Manifest] = {}
    for name, addon in settings.addons.items():
        path = f"addons.{name}"
        if name in built_in:
            yield f"{path}: the name of a built-in add-on; take another name"
        try:
            objects = objects_of_addon(name, settings)
        except pulumi.RunError as error:
            yield f"{path}: {error}"
            continue
        place = f"{path}.{'chart' if addon.chart else 'manifest'}"
        # Add-ons of the stack may share a namespace, which stays; a built-in add-on deletes its namespace.
        owner = of_others.get(ObjectKey("", "Namespace", "", addon.namespace_of(name) or ""))
        if owner:
            yield f"{place.removesuffix('.manifest')}.namespace: {owner} has the same namespace; take another one"
        for manifest in objects:
            key = key_of(manifest)
            # Several add-ons may have the same namespace among their objects: the stack makes it once, and it stays.
            problem = None if shared.get(key) == manifest else _problem(manifest, owners)
            if problem:
                yield f"{place}: {problem}, found {object_name(manifest)}"
            owners.setdefault(key, f"add-on {name}")
            shared |= {key: manifest} if key[:2] == ("", "Namespace") else {}
        for image in addon.images:
            if with_replaced(objects, {image: ""}) == objects:
                yield f"{path}.images: an image that the objects name, found {image}, which is nowhere in them"


def _problem(manifest: Manifest, owners: dict[ObjectKey, str]) -> str | None:
    key, metadata = key_of(manifest), manifest["metadata"]
    is_namespace = key[:2] == ("", "Namespace")
    if key[:2] == ("", "Node") or (is_namespace and key.name in OF_KUBERNETES) or key in OBJECTS_OF_KUBERNETES:
        return "an object of Kubernetes itself; leave it out"
    if key in owners:
        return f"{owners[key]} has the same object; remove one of them"
    if key[:2] == ("", "Secret") and any(_has_content(manifest.get(field)) for field in ("data", "stringData")):
        return (
            "a secret with content, which state and previews would show; leave it out, of a chart by a value such as"
            " `existingSecret`, and make it with kubectl"
        )
    level = (metadata.get("labels") or {}).get(ENFORCE) if is_namespace else None
    if level and level not in POD_SECURITY_LEVELS:
        return f"a label {ENFORCE} that is {' or '.join(POD_SECURITY_LEVELS)}, not {level}"
    return _problem_of_values(manifest)


def _problem_of_values(manifest: Manifest) -> str | None:
    for field, texts in _mappings_of_texts(manifest):
        if not all(isinstance(value, str) for value in texts.values()):
            return f"{field} whose values are not all texts; write them in quotes"
    large = list(large_numbers(manifest)) if manifest["kind"] != DEFINITION else []
    if large:
        return f"numbers with fewer digits than {large[0]}, which the engine would take for {as_float(large[0]):.0f}"
    return None


def _mappings_of_texts(manifest: Manifest) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Parts of an object in which the API takes no number, and no word such as yes."""
    template = value_at(manifest, "spec.template.metadata")
    for metadata in (manifest["metadata"], template if isinstance(template, dict) else {}):
        for field in ("labels", "annotations"):
            if isinstance(metadata.get(field), dict):
                yield field, metadata[field]
    data = manifest.get("data")
    if group_and_kind(manifest) == ("", "ConfigMap") and isinstance(data, dict):
        yield "data", {name: value for name, value in data.items() if value is not None}
    for container in containers(pod_of(manifest)):
        for variable in container.get("env") or ():
            if isinstance(variable, dict) and variable.get("value") is not None:
                yield f"env of {container.get('name')}", {"value": variable["value"]}


def _has_content(data: object) -> bool:
    return any(data.values()) if isinstance(data, dict) else bool(data)
