"""Manifests: objects that are read and checked, and their images rewritten."""

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
from components.addons.logins import source_of
from components.settings import Settings
from problem import Problem

MANIFESTS = Path(__file__).parents[2] / "manifests"
Manifest = dict[str, Any]

DEFINITION = "CustomResourceDefinition"
API_SERVICE = "APIService"
OF_THE_SERVER = {"managedFields", "resourceVersion", "uid", "generation", "selfLink"}
"""Fields of metadata that `kubectl get --output yaml` prints: the API refuses an object that comes with one."""


def own_objects(name: str) -> list[Manifest]:
    """Objects of a file in `manifests/` that this project wrote."""
    return objects_of((MANIFESTS / name).read_bytes(), name)


def fetched_objects(url: str, sha256: str, settings: Settings) -> list[Manifest]:
    """Objects of an upstream manifest.

    Raises:
        pulumi.RunError: the manifest cannot be fetched, has another checksum, or is no manifest.
    """
    return objects_of(fetched(sha256, lambda: source_of(url, settings), ".yaml"), url)


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
    """The objects in a list, and in lists within it; the document itself if it is no list."""
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
    """A copy of an object with rewritten images of its pods; the object itself, if it has no container."""
    if not any(containers(manifest)):
        return manifest
    rewritten = copy.deepcopy(manifest)
    for container in containers(rewritten):
        container["image"] = settings.images.rewritten(container["image"])
    for image in images_of_volumes(rewritten):
        image["reference"] = settings.images.rewritten(image["reference"])
    return rewritten


def with_replaced(node: Any, images: Mapping[str, str]) -> Any:
    """A part of an object with images replaced in its texts; a longer name that begins like one is another image."""
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
    yield from (each for each in _items_at(node, "containers", "initContainers") if _names_image(each))


def image_names(node: Any) -> set[str]:
    """Names of the images that the pods in an object, or in a list of objects, pull."""
    of_volumes = {image["reference"] for image in images_of_volumes(node)}
    return of_volumes.union(container["image"] for container in containers(node))


def images_of_volumes(node: Any) -> Iterator[dict[str, Any]]:
    """Every image that is a volume of a pod, with its name as `reference`, to be changed in place."""
    images = (each.get("image") for each in _items_at(node, "volumes"))
    yield from (each for each in images if isinstance(each, dict) and _is_text(each.get("reference")))


def _items_at(node: Any, *keys: str) -> Iterator[dict[str, Any]]:
    """Mappings in lists with one of these keys."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, list):
                yield from (each for each in value if isinstance(each, dict))
            else:
                yield from _items_at(value, *keys)
    elif isinstance(node, list):
        for each in node:
            yield from _items_at(each, *keys)


def _names_image(container: Mapping[str, Any]) -> bool:
    """True for a container of a pod; a custom resource may have a mapping there."""
    return "image" in container and not isinstance(container["image"], dict)


def defined_kinds(objects: list[Manifest], *scopes: str) -> set[tuple[str, str]]:
    """Groups and kinds that definitions among the objects add, of these scopes, or of any scope."""
    definitions = (each["spec"] for each in objects if each["kind"] == DEFINITION)
    return {(each["group"], each["names"]["kind"]) for each in definitions if not scopes or each.get("scope") in scopes}


def group_and_kind(manifest: Manifest) -> tuple[str, str]:
    """Group and kind of an object; the group is empty for kinds such as Pod."""
    return group_of(manifest["apiVersion"]), manifest["kind"]


def group_of(api_version: str) -> str:
    """The group of an API version; empty for `v1`."""
    return api_version.rpartition("/")[0]


def object_name(manifest: Manifest) -> str:
    """The name of an object among the resources of its cluster: `KIND:NAMESPACE/NAME`."""
    metadata = manifest["metadata"]
    scope = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']}:{scope}{metadata['name']}"


def own_metadata(manifest: Manifest) -> dict[str, Any]:
    """The metadata of an object, without fields of the API server."""
    return {key: value for key, value in manifest["metadata"].items() if key not in OF_THE_SERVER}
