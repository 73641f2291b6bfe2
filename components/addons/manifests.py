"""Manifests: fetched by checksum, images rewritten, each object a resource of its own.

Every object is registered from here, and not by a YAML component of the provider, so that the preview of an empty stack
shows each of them.
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
"""Under a name of the provider's own making, an update that was killed would own its objects for ever: the name is in
no state, and the next update ends in conflicts with it."""

WAITS = {"DaemonSet": "4m", "Deployment": "5m"}
"""How long until an object has to run. The provider would wait for ten minutes, and only then is it said what is wrong:
a machine that died while it joined, or an image that cannot be pulled. Those of DaemonSets are on each node before."""

Manifest = dict[str, Any]


def own_objects(name: str) -> list[Manifest]:
    """Objects of a file in `manifests/`, which we wrote."""
    return copy.deepcopy(_parsed((MANIFESTS / name).read_text()))


def fetched_objects(url: str, sha256: str) -> list[Manifest]:
    """Objects of an upstream manifest; fetched once and kept by its checksum.

    Raises:
        pulumi.RunError: it cannot be fetched, or is another file than the one that was checked.
    """
    cached = CACHE / f"{sha256}.yaml"
    if not cached.exists():
        content = _fetched(url)
        seen = hashlib.sha256(content).hexdigest()
        if seen != sha256:
            problem = Problem(
                f"manifest {url}",
                expected=f"sha256 {sha256}",
                seen=seen,
                next_command="read what changed in the file before you change the checksum in the stack file",
            )
            raise pulumi.RunError(str(problem))
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.rename(cached)
    return copy.deepcopy(_parsed(cached.read_text()))


@cache
def _parsed(text: str) -> list[Manifest]:
    # libyaml takes a tenth of the time, which each preview pays several times.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, loader) if document]


def _fetched(url: str) -> bytes:
    try:
        # The settings allow https, http and file, nothing else.
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read())
    except OSError as error:
        problem = Problem(
            "manifest",
            expected=f"{url} to be readable",
            seen=str(error),
            next_command="copy the file to where it can be reached, and set manifestUrl and manifestSha256 in the stack"
            " file",
        )
        raise pulumi.RunError(str(problem)) from error


def with_rewritten_images(manifest: Manifest, settings: Settings) -> Manifest:
    """A copy of an object whose containers take their images from where the stack says; the object, if it has none."""
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


def register(
    manifest: Manifest, cluster: ClusterAccess, parent: pulumi.Resource, *, after: list[pulumi.Resource] | None = None
) -> pulumi.CustomResource:
    """Register an object of any kind under the type that its class in the SDK has."""
    api_version, kind = manifest["apiVersion"], manifest["kind"]
    group_version = api_version if "/" in api_version else f"core/{api_version}"
    metadata = manifest["metadata"]
    scope = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    options = cluster.options(parent, after=after)
    if kind == "Secret":
        # What is in it belongs to the program that uses it.
        options.ignore_changes = ["data"]
    if kind == "CustomResourceDefinition":
        # Everything of its kind would go with it, when a newer manifest does not have it any more.
        options.retain_on_delete = True
    if kind in WAITS:
        options.custom_timeouts = pulumi.CustomTimeouts(create=WAITS[kind], update=WAITS[kind])
    annotations = {**(metadata.get("annotations") or {}), "pulumi.com/patchFieldManager": FIELD_MANAGER}
    if kind == "Service":
        # The provider waits for ten seconds to see whether endpoints change; that pods are there its Deployment says.
        annotations["pulumi.com/skipAwait"] = "true"
    return pulumi.CustomResource(
        f"kubernetes:{group_version}:{kind}",
        cluster.resource_name(f"{kind}:{scope}{metadata['name']}"),
        {
            **{key: value for key, value in manifest.items() if key != "status"},
            "metadata": {**metadata, "annotations": annotations},
        },
        options,
    )
