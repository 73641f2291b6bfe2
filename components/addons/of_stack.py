"""The add-ons of a stack file, `kubeadm:addons`: each is a manifest."""

from __future__ import annotations

from functools import partial
from typing import Any

from components.addons.addon import Addon
from components.addons.manifests import Manifest, check_sum, fetched_objects, objects_of
from components.settings import Settings, StackAddon


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


def manifest_objects(addon: StackAddon) -> list[Manifest]:
    """Every object in the manifest of an add-on.

    Raises:
        pulumi.RunError: the manifest cannot be read or fetched, has another checksum, or is no manifest.
    """
    if isinstance(addon.manifest, str):
        assert addon.sha256 is not None, "the settings hold it"
        return fetched_objects(addon.manifest, addon.sha256)
    content = addon.manifest.read_bytes()
    if addon.sha256:
        check_sum(content, addon.sha256, str(addon.manifest))
    return objects_of(content, str(addon.manifest))


def manifest_namespaces(settings: Settings) -> dict[str, dict[str, Any]]:
    """Metadata by name of the namespaces in the manifests of the add-ons.

    The stack makes these as its other namespaces: with a Pod Security level, before what is in them, and to stay.

    Raises:
        pulumi.RunError: as `manifest_objects`.
    """
    objects = [each for addon in settings.addons.values() for each in manifest_objects(addon)]
    return {each["metadata"]["name"]: each["metadata"] for each in objects if each["kind"] == "Namespace"}


def _images(name: str, settings: Settings) -> tuple[str, ...]:
    return settings.addons[name].images


def _without_namespaces(name: str, settings: Settings) -> list[Manifest]:
    return [each for each in manifest_objects(settings.addons[name]) if each["kind"] != "Namespace"]
