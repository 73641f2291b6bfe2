"""The add-ons of a stack file, `kubeadm:addons`: each is a manifest, or a Helm chart."""

from __future__ import annotations

from functools import partial
from typing import Any

from components.addons.addon import Addon
from components.addons.charts import chart_objects
from components.addons.fetching import check_sum
from components.addons.manifests import Manifest, fetched_objects, objects_of, own_metadata
from components.addons.scopes import in_namespace
from components.settings import Settings


def stack_addons(settings: Settings) -> list[Addon]:
    """The add-ons of the settings."""
    return [
        Addon(
            name,
            "StackAddon",
            lambda _: True,
            partial(_without_namespaces, name),
            further_images=partial(_images, name),
        )
        for name in settings.addons
    ]


def objects_of_addon(name: str, settings: Settings) -> list[Manifest]:
    """Every object in the manifest or the chart of an add-on.

    Raises:
        pulumi.RunError: the manifest cannot be read or fetched, has another checksum, or is no manifest; or as
            `chart_objects`.
    """
    addon = settings.addons[name]
    if addon.chart:
        return chart_objects(name, settings)
    if isinstance(addon.manifest, str):
        assert addon.sha256 is not None, "the settings hold it"
        return in_namespace(fetched_objects(addon.manifest, addon.sha256, settings), addon.namespace)
    assert addon.manifest is not None, "the settings hold it"
    content = addon.manifest.read_bytes()
    if addon.sha256:
        check_sum(content, addon.sha256, str(addon.manifest))
    return in_namespace(objects_of(content, str(addon.manifest)), addon.namespace)


def namespaces_of_addons(settings: Settings) -> dict[str, dict[str, Any]]:
    """Metadata by name of the namespaces of add-ons, and of those among their objects.

    The stack makes these as its other namespaces: with a Pod Security level, before what is in them, and to stay.

    Raises:
        pulumi.RunError: as `objects_of_addon`.
    """
    named = (addon.namespace_of(name) for name, addon in settings.addons.items())
    objects = [each for name in settings.addons for each in objects_of_addon(name, settings)]
    found: dict[str, dict[str, Any]] = {name: {"name": name} for name in named if name}
    return found | {each["metadata"]["name"]: own_metadata(each) for each in objects if each["kind"] == "Namespace"}


def _images(name: str, settings: Settings) -> tuple[str, ...]:
    return settings.addons[name].images


def _without_namespaces(name: str, settings: Settings) -> list[Manifest]:
    return [each for each in objects_of_addon(name, settings) if each["kind"] != "Namespace"]
