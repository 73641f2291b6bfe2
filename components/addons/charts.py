"""Helm charts of the stack file: archives, fetched as manifests are, and the objects that Helm makes of them."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urljoin

import pulumi
import yaml

from components.addons import helm, oci
from components.addons.documents import documents_of
from components.addons.fetching import Source, answer_of, check_sum, fetched
from components.addons.logins import source_of
from components.addons.manifests import (
    Manifest,
    checked_objects,
    defined_kinds,
    group_and_kind,
    is_list,
    items_of,
    object_name,
)
from components.addons.numbers import altered_numbers
from components.settings import Settings, StackAddon
from components.settings.addons import Chart
from problem import Problem

HOOK = "helm.sh/hook"
AT_AN_UPDATE = {f"{time}-{what}" for time in ("pre", "post") for what in ("install", "upgrade")}
"""Hooks that Helm would run while it installs or upgrades. The others belong to a removal, a rollback or a test."""


def chart_objects(name: str, settings: Settings) -> list[Manifest]:
    """The objects of the chart of an add-on, with the values of the stack.

    Raises:
        pulumi.RunError: the archive cannot be read or fetched, or has another checksum; Helm does not render it; it has
            hooks that run at an update.
    """
    source, objects = _rendered(name, settings)
    hooks = [each for each in objects if _events(each) & AT_AN_UPDATE]
    if hooks:
        _refuse(
            source,
            "objects that can be applied as those of a manifest",
            f"hooks, which Helm runs before or after an update: {', '.join(map(_hook, hooks))}",
            "switch them off in `values`; or `helm template` it, and take what is left as a manifest",
        )
    return [each for each in objects if not _events(each)]


def left_out_hooks(name: str, settings: Settings) -> list[str]:
    """Hooks of a chart that nothing runs: those of a removal and of a rollback.

    Raises:
        pulumi.RunError: as `chart_objects`.
    """
    return [_hook(each) for each in _rendered(name, settings)[1] if _events(each)]


def _rendered(name: str, settings: Settings) -> tuple[str, list[Manifest]]:
    """Name of the chart in errors, and its objects and hooks."""
    addon = settings.addons[name]
    assert addon.chart, "callers ask for charts only"
    source = f"chart {addon.chart.archive or f'{addon.chart.name} {addon.chart.version}'}"
    options = {
        "release_name": name,
        "namespace": addon.namespace_of(name),
        "kube_version": settings.cluster.kubernetes_version,
        "values": addon.chart.values,
    }
    try:
        documents = helm.rendered(_archive(addon, addon.chart, settings), json.dumps(options, sort_keys=True))
    except helm.HelmError as error:
        _refuse(
            source,
            "Helm to make objects of it, and of the values of the stack",
            str(error),
            f"correct addons.{name}.chart in the stack file",
        )
    objects = checked_objects(copy.deepcopy(documents), source)
    _refuse_astray(source, documents)
    altered = list(altered_numbers(addon.chart.values, objects))
    if altered:
        _refuse(
            source,
            "each number of `values` as it is in the stack file",
            ", ".join(altered),
            f"write the number in quotes in addons.{name}.chart.values: its templates write it then as it is",
        )
    _without_namespace(objects)
    return source, objects


def _refuse_astray(source: str, documents: list[Any]) -> None:
    """Refuse objects of lists that name no namespace: the provider gives one to the list, and Helm to each of these."""
    listed = (each for found in documents if is_list(found) for each in items_of(found))
    for each in listed:
        if not (each.get("metadata") or {}).get("namespace"):
            _refuse(
                source,
                "each object to name its namespace, or not to be in a List",
                f"{each.get('kind')} in a List, which names none: an object of a namespace would come into `default`",
                "`helm template` it, and take it as a manifest, with a namespace for each object that needs one",
            )


def _without_namespace(objects: list[Manifest]) -> None:
    """Take the namespace from objects of kinds that belong to the whole cluster: the provider does not know these."""
    of_cluster = defined_kinds(objects, "Cluster")
    for each in objects:
        if group_and_kind(each) in of_cluster:
            each["metadata"].pop("namespace", None)


def _archive(addon: StackAddon, chart: Chart, settings: Settings) -> bytes:
    if isinstance(chart.archive, Path):
        content = chart.archive.read_bytes()
        if addon.sha256:
            check_sum(content, addon.sha256, str(chart.archive))
        return content
    assert addon.sha256 is not None, "the settings hold it"
    sha256 = addon.sha256
    return fetched(sha256, lambda: _source(chart, sha256, settings), ".tgz")


def _source(chart: Chart, sha256: str, settings: Settings) -> Source:
    """The archive of a chart, as it is asked for."""
    repository = f"{str(chart.repository).rstrip('/')}/"
    if chart.archive:
        address = str(chart.archive)
    elif repository.startswith(oci.SCHEME):
        address = f"{repository}{chart.name}:{chart.version}"
    else:
        address = _address(chart, repository, settings)
    return oci.layer(address, sha256, settings) if address.startswith(oci.SCHEME) else source_of(address, settings)


def _address(chart: Chart, repository: str, settings: Settings) -> str:
    """The address of the archive of a chart, by the index of its repository."""
    index = f"{repository}index.yaml"
    try:
        charts = documents_of(answer_of(source_of(index, settings)))[0]["entries"]
        entries = [each for each in charts.get(chart.name) or () if isinstance(each, dict) and "version" in each]
    except (yaml.YAMLError, AttributeError, IndexError, KeyError, TypeError):
        _refuse(index, "the index of a repository of charts", "something else", "correct `repository`")
    versions = {str(each["version"]): each for each in entries}
    if chart.version not in versions:
        seen = (
            f"versions {', '.join(list(versions)[:5])}"
            if versions
            else f"charts {', '.join(map(str, list(charts)[:10]))}"
        )
        _refuse(index, f"version {chart.version} of the chart {chart.name}", seen, "correct `name` or `version`")
    found = versions[chart.version].get("urls")
    if not (isinstance(found, list) and found and isinstance(found[0], str)):
        wanted = f"the address of version {chart.version} of the chart {chart.name} as first of its `urls`"
        _refuse(index, wanted, repr(found), "mend the index, or set `archive` to the file or its URL")
    address = urljoin(repository, found[0])
    if not re.match(r"https?://|file:///|oci://.+/.+:", address):
        _refuse(index, "an archive at http:// or https://", address, "`helm pull` it, and set `archive` to the file")
    return address


def _events(manifest: Manifest) -> set[str]:
    named = str((manifest["metadata"].get("annotations") or {}).get(HOOK, ""))
    return {each.strip() for each in named.split(",")} - {""}


def _hook(manifest: Manifest) -> str:
    return f"{object_name(manifest)} ({', '.join(sorted(_events(manifest)))})"


def _refuse(where: str, expected: str, seen: str, next_command: str) -> NoReturn:
    raise pulumi.RunError(str(Problem(where, expected=expected, seen=seen, next_command=next_command)))
