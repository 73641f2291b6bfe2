"""Manifests: fetched by checksum, images rewritten, each object a resource of its own.

This module registers every object, instead of a YAML component of the provider, so that the preview of an empty stack
shows every object.
"""

from __future__ import annotations

import copy
import hashlib
import os
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components.cluster_access import ClusterAccess
from components.settings import Settings
from problem import Problem

MANIFESTS = Path(__file__).parents[2] / "manifests"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-kubeadm" / "manifests"
FETCH_TIMEOUT_SECONDS = 20
FIELD_MANAGER = "pulumi-kubeadm"
"""A fixed name. The provider would make up a name that is in no state, so that an update that was killed would own its
objects for ever, and the next update would end in conflicts."""

WAITS = {"DaemonSet": "4m", "Deployment": "5m"}
"""Time in which a workload must run. The provider would wait ten minutes before it reports the cause: a machine that
died while it joined, or an image that cannot be pulled. Nodes have the images of DaemonSets before."""

Manifest = dict[str, Any]


def own_objects(name: str) -> list[Manifest]:
    """Objects of a file in `manifests/` that this project wrote."""
    return copy.deepcopy(_parsed((MANIFESTS / name).read_bytes()))


def fetched_objects(url: str, sha256: str) -> list[Manifest]:
    """Objects of an upstream manifest, which is fetched once, kept by its checksum, and verified at every read.

    Raises:
        pulumi.RunError: the manifest cannot be fetched, has another checksum, or holds no objects.
    """
    cached = CACHE / f"{sha256}.yaml"
    content = cached.read_bytes() if cached.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        content = _fetched(url, sha256)
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.replace(cached)
    objects = copy.deepcopy(_parsed(content))
    if not objects:
        problem = Problem(
            f"manifest {url}",
            expected="Kubernetes objects",
            seen="a file without any",
            next_command="correct manifestUrl and manifestSha256 in the stack file",
        )
        raise pulumi.RunError(str(problem))
    return objects


@cache
def _parsed(content: bytes) -> list[Manifest]:
    # libyaml takes a tenth of the time; each preview parses several manifests.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(content, loader) if document]


def _fetched(url: str, sha256: str) -> bytes:
    try:
        # The settings allow https, http and file, nothing else.
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_SECONDS) as answer:  # noqa: S310
            content = bytes(answer.read())
    except OSError as error:
        problem = Problem(
            "manifest",
            expected=f"{url} to be readable",
            seen=str(error),
            next_command="copy the file to where it can be reached, and set manifestUrl and manifestSha256 in the stack"
            " file",
        )
        raise pulumi.RunError(str(problem)) from error
    seen = hashlib.sha256(content).hexdigest()
    if seen != sha256:
        problem = Problem(
            f"manifest {url}",
            expected=f"sha256 {sha256}",
            seen=seen,
            next_command="read what changed in the file before you change the checksum in the stack file",
        )
        raise pulumi.RunError(str(problem))
    return content


def with_rewritten_images(manifest: Manifest, settings: Settings) -> Manifest:
    """A copy of an object with rewritten images of its containers; the object itself, if it has no container."""
    if not any(containers(manifest)):
        return manifest
    rewritten = copy.deepcopy(manifest)
    for container in containers(rewritten):
        container["image"] = settings.images.rewritten(container["image"])
    return rewritten


def containers(node: Any) -> Iterator[dict[str, Any]]:
    """Every container and init container in an object, to be changed in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"containers", "initContainers"} and isinstance(value, list):
                yield from (each for each in value if isinstance(each, dict) and "image" in each)
            else:
                yield from containers(value)
    elif isinstance(node, list):
        for each in node:
            yield from containers(each)


def object_name(manifest: Manifest) -> str:
    """The name of an object among the resources of its cluster: `KIND:NAMESPACE/NAME`."""
    metadata = manifest["metadata"]
    scope = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']}:{scope}{metadata['name']}"


def object_inputs(manifest: Manifest) -> Manifest:
    """The inputs that the provider gets of an object."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/patchFieldManager": FIELD_MANAGER}
    if manifest["kind"] == "Service":
        # The provider would wait for ten seconds for changed endpoints; the Deployment already proves that pods run.
        annotations["pulumi.com/skipAwait"] = "true"
    return {
        **{key: value for key, value in manifest.items() if key != "status"},
        "metadata": {**metadata, "annotations": annotations},
    }


def register(
    manifest: Manifest, cluster: ClusterAccess, parent: pulumi.Resource, *, after: list[pulumi.Resource] | None = None
) -> pulumi.CustomResource:
    """Register an object of any kind under the type of its class in the SDK."""
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    options = cluster.options(parent, after=after)
    if kind == "Secret":
        # The program that uses the secret owns its data.
        options.ignore_changes = ["data"]
    if kind == "CustomResourceDefinition":
        # When a newer manifest lacks a definition, deleting it would delete every object of its kind.
        options.retain_on_delete = True
    if kind in WAITS:
        options.custom_timeouts = pulumi.CustomTimeouts(create=WAITS[kind], update=WAITS[kind])
    name = cluster.resource_name(object_name(manifest))
    return pulumi.CustomResource(f"kubernetes:{group_version}:{kind}", name, object_inputs(manifest), options)
