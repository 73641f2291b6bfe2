"""Helm charts of the stack file: archives, fetched as manifests are, and the objects that Helm makes of them."""

from __future__ import annotations

import copy

from components.addons import helm
from components.addons.archives import archive_of
from components.addons.definitions import known_versions, options_of
from components.addons.dependencies import missing_dependencies
from components.addons.fetching import refuse
from components.addons.manifests import (
    DEFINITION,
    Manifest,
    checked_objects,
    defined_kinds,
    group_and_kind,
    is_list,
    items_of,
    object_name,
)
from components.addons.numbers import altered_numbers
from components.addons.scopes import in_namespace
from components.settings import Settings

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
        refuse(
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
    archive = archive_of(addon, settings)
    missing = missing_dependencies(archive)
    if missing:
        refuse(
            source,
            "an archive with the charts that it depends on",
            f"none of {', '.join(missing)} in its folder charts",
            "`helm dependency build` and `helm package` make one; set `archive` to it",
        )
    try:
        documents = copy.deepcopy(helm.rendered(archive, options_of(name, settings, known_versions(settings))))
    except helm.HelmError as error:
        refuse(
            source,
            "Helm to make objects of it, and of the values of the stack",
            str(error),
            f"correct addons.{name}.chart in the stack file",
        )
    objects = _without_doubles(checked_objects(documents, source))
    # The provider gives the namespace to a list, and Helm to the objects in it.
    in_namespace([each for found in documents if is_list(found) for each in items_of(found)], addon.namespace_of(name))
    altered = list(altered_numbers(addon.chart.values, objects))
    if altered:
        refuse(
            source,
            "each number of `values` as it is in the stack file",
            ", ".join(altered),
            f"write the number in quotes in addons.{name}.chart.values: its templates write it then as it is",
        )
    _without_namespace(objects)
    return source, objects


def _without_doubles(objects: list[Manifest]) -> list[Manifest]:
    """The objects, with equal definitions once: a chart on which another depends twice brings its definitions twice."""
    return [each for at, each in enumerate(objects) if each["kind"] != DEFINITION or each not in objects[:at]]


def _without_namespace(objects: list[Manifest]) -> None:
    """Remove the namespace of objects of the whole cluster whose kinds the provider does not know."""
    of_cluster = defined_kinds(objects, "Cluster")
    for each in objects:
        if group_and_kind(each) in of_cluster:
            each["metadata"].pop("namespace", None)


def _events(manifest: Manifest) -> set[str]:
    named = str((manifest["metadata"].get("annotations") or {}).get(HOOK, ""))
    return {each.strip() for each in named.split(",")} - {""}


def _hook(manifest: Manifest) -> str:
    return f"{object_name(manifest)} ({', '.join(sorted(_events(manifest)))})"
