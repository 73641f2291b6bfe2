"""Warnings of images that hosts pull past the registries of a stack with rules for others.

A network without a way out does not reach them. A newer Calico may have its images in another registry than the one
before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

from components.addons import addons_of
from components.addons.manifests import DEFINITION, image_names, object_name
from components.addons.of_stack import stack_addons
from components.settings import Settings
from components.settings.kubeadm_images import kubeadm_images
from components.settings.packages import registry_and_path
from problem import Problem


def registry_warning(settings: Settings) -> Problem | None:
    """The warning; None for a stack without rules, and where every image comes from a registry that the stack names."""
    rules = settings.images.rewrite
    named = {
        registry_and_path(f"{prefix}/image")[0] for prefix in rules.values()
    } | settings.containerd.registries.keys()
    pulled = [name for _, name in kubeadm_images(settings)]
    pulled += [settings.images.rewritten(name) for addon in addons_of(settings) for name in addon.images(settings)]
    others = {registry_and_path(name)[0]: name for name in pulled if registry_and_path(name)[0] not in named}
    if not rules or not others:
        return None
    return Problem(
        "images.rewrite",
        expected=f"a rule for each registry, as for {', '.join(rules)}",
        seen=", ".join(f"none for {registry}, from which hosts pull {image}" for registry, image in others.items()),
        next_command=f"make mirror STACK={pulumi.get_stack()} TO=REGISTRY copies the images and prints the rules; "
        + ", ".join(f"`{registry}: {registry}`" for registry in others)
        + " goes on as it is",
    )


def unnamed_images(settings: Settings) -> Iterator[Problem]:
    """A warning for each add-on whose objects still name images of a registry that has a rule, as in an argument."""
    rules = "|".join(re.escape(registry) for registry, to in settings.images.rewrite.items() if to != registry)
    digest = "@sha256:[0-9a-f]{64}"
    image = re.compile(rf"(?<![\w./:@-])(?:{rules})/[a-z0-9][\w./-]*(?::\w[\w.-]*(?:{digest})?|{digest})")
    for addon in stack_addons(settings) if rules else ():
        objects = [each for each in addon.objects(settings) if each["kind"] != DEFINITION]
        known = image_names(objects)
        found = {text: object_name(each) for each in objects for text in _found(each, image) if text not in known}
        if found:
            yield Problem(
                f"addons.{addon.name}.images",
                expected="the images that its objects name outside of containers, which `images.rewrite` is for, too",
                seen=", ".join(f"{name} in {where}" for name, where in found.items()),
                next_command=f"list them there; then make mirror STACK={pulumi.get_stack()} TO=REGISTRY copies them",
            )


def _found(node: Any, image: re.Pattern[str]) -> Iterator[str]:
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _found(each, image)
    elif isinstance(node, str):
        yield from image.findall(node)
