"""API versions that definitions of a stack add. A chart silently leaves out objects of unknown versions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components.addons import helm
from components.addons.archives import archive_of
from components.addons.documents import documents_of
from components.addons.fetching import fetched
from components.addons.logins import source_of
from components.addons.manifests import DEFINITION, items_of
from components.settings import Settings


def known_versions(settings: Settings) -> list[str]:
    """Versions such as `example.com/v1`, and with their kinds, that add-ons of the stack define, sorted.

    A refused add-on defines none. The code that makes its objects reports the error.
    """
    found: set[str] = set()
    for name in settings.addons:
        with suppress(pulumi.RunError, helm.HelmError, yaml.YAMLError, OSError):
            found.update(*(_versions(each) for document in _documents(name, settings) for each in items_of(document)))
    return sorted(found)


def options_of(name: str, settings: Settings, known: Collection[str] = ()) -> str:
    """The options with which Helm makes objects of the chart of an add-on, as JSON.

    Args:
        name: the name of the add-on.
        settings: the settings of the stack.
        known: API versions that the chart finds beside those of Helm.
    """
    addon = settings.addons[name]
    assert addon.chart, "callers ask for charts only"
    options = {
        "release_name": name,
        "namespace": addon.namespace_of(name),
        "kube_version": settings.cluster.kubernetes_version,
        "values": addon.chart.values,
    }
    return json.dumps(options | ({"api_versions": list(known)} if known else {}), sort_keys=True)


def _documents(name: str, settings: Settings) -> list[Any]:
    addon = settings.addons[name]
    if addon.chart:
        return helm.rendered_once(archive_of(addon, settings), options_of(name, settings))
    manifest = addon.manifest
    if isinstance(manifest, Path):
        return documents_of(manifest.read_bytes())
    assert manifest, "the settings hold it"
    assert addon.sha256, "the settings hold it"
    return documents_of(fetched(addon.sha256, lambda: source_of(manifest, settings), ".yaml"))


def _versions(document: Any) -> Iterator[str]:
    """Versions that a document defines; a document that is no object defines none."""
    with suppress(AttributeError, KeyError, TypeError):
        spec = document["spec"]
        for each in spec["versions"] if document["kind"] == DEFINITION else ():
            if each.get("served", True):
                version = f"{spec['group']}/{each['name']}"
                yield version
                yield f"{version}/{spec['names']['kind']}"
