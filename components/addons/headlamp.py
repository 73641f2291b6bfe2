"""Headlamp: a dashboard without rights of its own, to which people log in with their tokens."""

from __future__ import annotations

from components.addons.addon import Addon
from components.addons.manifests import Manifest, containers, own_objects
from components.settings import Settings


def headlamp_manifests(settings: Settings) -> list[Manifest]:
    """The objects of manifests/headlamp.yaml with the image of the stack."""
    objects = own_objects("headlamp.yaml")
    for manifest in objects:
        for container in containers(manifest):
            container["image"] = settings.dashboard.image_of("headlamp")
    return objects


HEADLAMP = Addon(
    "headlamp",
    "Headlamp",
    lambda settings: settings.dashboard.kind == "headlamp",
    headlamp_manifests,
    namespace="headlamp",
    pod_security=lambda _: "restricted",
)
