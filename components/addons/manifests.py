"""Manifests: images rewritten, each object a resource of its own.

This module registers every object, instead of a YAML component of the provider, so that the preview of an empty stack
shows every object.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components.addons.documents import documents_of
from components.addons.fetching import fetched
from components.cluster_access import ClusterAccess, resource_type
from components.settings import Settings
from problem import Problem

MANIFESTS = Path(__file__).parents[2] / "manifests"
FIELD_MANAGER = "pulumi-kubeadm"
"""A fixed name. The provider would make up a name that is in no state, so that an update that was killed would own its
objects for ever, and the next update would end in conflicts."""

WAITS = {"DaemonSet": "4m", "Deployment": "5m", "StatefulSet": "5m", "Job": "5m"}
"""Time in which a workload must run, or a job end. The provider would wait ten minutes before it reports the cause: a
machine that died while it joined, or an image that cannot be pulled. Nodes have the images of DaemonSets before."""

Manifest = dict[str, Any]

DEFINITION = "CustomResourceDefinition"
API_SERVICE = "APIService"
SETTLES_LATER = {
    "Service": "endpoints, while the Deployment already proves that pods run",
    "Ingress": "an address, which a controller writes, if there is one: a workload, which may be of the same add-on",
    "PersistentVolumeClaim": "a volume, which is made for a pod; and at an update for none, in a class that waits for"
    " the first pod (untilCoreV1PersistentVolumeClaimReady of pulumi-kubernetes 4.25)",
}
"""Kinds on which the provider would wait for what comes after them, and what for: workloads are applied later."""
KEPT_BY_HELM = "helm.sh/resource-policy"
"""Annotation of an object of a chart that outlives the chart, such as a claim of a volume."""


def own_objects(name: str) -> list[Manifest]:
    """Objects of a file in `manifests/` that this project wrote."""
    return objects_of((MANIFESTS / name).read_bytes(), name)


def fetched_objects(url: str, sha256: str) -> list[Manifest]:
    """Objects of an upstream manifest.

    Raises:
        pulumi.RunError: the manifest cannot be fetched, has another checksum, or is no manifest.
    """
    return objects_of(fetched(sha256, lambda: url, ".yaml"), url)


def objects_of(content: bytes, source: str) -> list[Manifest]:
    """The objects of a manifest, those of its lists one by one.

    Args:
        content: the manifest.
        source: its path or URL, for the error.

    Raises:
        pulumi.RunError: the content is no YAML, or has no objects, or something else that is no object.
    """
    try:
        return copy.deepcopy(checked_objects(documents_of(content), source))
    except yaml.YAMLError as error:
        raise _no_manifest(source, str(error)) from error


def checked_objects(documents: list[Any], source: str) -> list[Manifest]:
    """The objects among documents, those of lists one by one.

    Raises:
        pulumi.RunError: there is none, or something else that is no object.
    """
    objects = [each for document in documents for each in items_of(document)]
    problems = (_problem(each) for each in objects)
    problem = next(filter(None, problems), None) if objects else "a file without any"
    if problem:
        raise _no_manifest(source, problem)
    return objects


def _no_manifest(source: str, seen: str) -> pulumi.RunError:
    problem = Problem(
        f"manifest {source}",
        expected="Kubernetes objects in YAML, each with apiVersion, kind and metadata.name",
        seen=seen,
        next_command="correct the path or the URL, and the checksum beside it, in the stack file",
    )
    return pulumi.RunError(str(problem))


def is_list(document: Any) -> bool:
    """True for a list of objects, of a kind such as `RoleBindingList`, too; it has no name."""
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return False
    return str(document.get("kind")).endswith("List") and not _is_named(document.get("metadata"))


def items_of(document: Any) -> list[Any]:
    """The objects in a list, and in lists within it; the document itself where it is none."""
    return [each for item in document["items"] for each in items_of(item)] if is_list(document) else [document]


_FORMS = {"apiVersion": r"([a-z0-9.-]+/)?[a-z0-9-]+", "kind": r"[A-Za-z][A-Za-z0-9]*"}
_NAME = r"[^/%\s]+"
_NAMESPACE = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def _problem(document: Any) -> str | None:
    """The problem of a document that is no object, or not one that other code can read; None for an object."""
    named = isinstance(document, dict) and all(_is_text(document.get(key), form) for key, form in _FORMS.items())
    if not named or not _is_named(document.get("metadata")):
        return f"among them {str(document)[:80]!r}"
    name, metadata = object_name(document), document["metadata"]
    if not _is_text(metadata.get("namespace") or "default", _NAMESPACE):
        return f"a namespace that is none in {name}"
    for key in ("labels", "annotations"):
        if not isinstance(metadata.get(key) or {}, dict):
            return f"{key} of {name} that are no mapping"
    if document["kind"] == DEFINITION and not _defines(document.get("spec")):
        return f"{name} without spec.group and spec.names.kind"
    if not all(_is_text(each["image"]) for each in containers(document)):
        return f"an image that is no text in {name}"
    return None


def _defines(spec: Any) -> bool:
    names = spec.get("names") if isinstance(spec, dict) else None
    return isinstance(names, dict) and _is_text(names.get("kind")) and _is_text(spec.get("group"))


def _is_named(metadata: Any) -> bool:
    return isinstance(metadata, dict) and _is_text(metadata.get("name"), _NAME)


def _is_text(value: Any, form: str = ".+") -> bool:
    return isinstance(value, str) and bool(re.fullmatch(form, value))


def with_rewritten_images(manifest: Manifest, settings: Settings) -> Manifest:
    """A copy of an object with rewritten images of its containers; the object itself, if it has no container."""
    if not any(containers(manifest)):
        return manifest
    rewritten = copy.deepcopy(manifest)
    for container in containers(rewritten):
        container["image"] = settings.images.rewritten(container["image"])
    return rewritten


def with_replaced(node: Any, images: Mapping[str, str]) -> Any:
    """A part of an object in whose texts each of these images has its other name; a longer name is another image."""
    if isinstance(node, dict):
        return {key: with_replaced(value, images) for key, value in node.items()}
    if isinstance(node, list):
        return [with_replaced(each, images) for each in node]
    if isinstance(node, str):
        for image, other in images.items():
            node = re.sub(rf"(?<![\w./:-]){re.escape(image)}(?![\w./:@-])", other, node)
    return node


def containers(node: Any) -> Iterator[dict[str, Any]]:
    """Every container and init container in an object, to be changed in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"containers", "initContainers"} and isinstance(value, list):
                yield from (each for each in value if isinstance(each, dict) and _names_image(each))
            else:
                yield from containers(value)
    elif isinstance(node, list):
        for each in node:
            yield from containers(each)


def _names_image(container: Mapping[str, Any]) -> bool:
    """True for a container of a pod; a custom resource may have a mapping there."""
    return "image" in container and not isinstance(container["image"], dict)


def defined_kinds(objects: list[Manifest], *scopes: str) -> set[tuple[str, str]]:
    """Groups and kinds that definitions among the objects bring, in these scopes, or in any."""
    definitions = (each["spec"] for each in objects if each["kind"] == DEFINITION)
    return {(each["group"], each["names"]["kind"]) for each in definitions if not scopes or each.get("scope") in scopes}


def group_and_kind(manifest: Manifest) -> tuple[str, str]:
    """Group and kind of an object; the group is empty for kinds such as Pod."""
    return _group(manifest["apiVersion"]), manifest["kind"]


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def object_name(manifest: Manifest) -> str:
    """The name of an object among the resources of its cluster: `KIND:NAMESPACE/NAME`."""
    metadata = manifest["metadata"]
    scope = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']}:{scope}{metadata['name']}"


def stays(kind: str, inputs: Mapping[str, Any]) -> bool:
    """True for an object that stays in the cluster when its add-on goes: a definition, or what a chart says so of."""
    annotations = (inputs.get("metadata") or {}).get("annotations") or {}
    return kind == DEFINITION or annotations.get(KEPT_BY_HELM) == "keep"


def object_inputs(manifest: Manifest) -> Manifest:
    """The inputs that the provider gets of an object."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/patchFieldManager": FIELD_MANAGER}
    if manifest["kind"] in SETTLES_LATER:
        annotations["pulumi.com/skipAwait"] = "true"
    return {
        **{key: value for key, value in manifest.items() if key != "status"},
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
    api_version, before = manifest["apiVersion"], cluster.recorded_api_version(kind, named)
    if before and before != api_version and _group(before) == _group(api_version):
        # Else the engine would create the object that is there, and then delete it under its other version.
        options.aliases = [pulumi.Alias(type_=resource_type(before, kind))]
    of_sdk = resource_type(api_version, kind)
    return pulumi.CustomResource(of_sdk, cluster.resource_name(named), object_inputs(manifest), options)
