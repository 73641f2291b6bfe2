"""A warning of images that hosts pull past the registries of a stack with rules for others.

A network without a way out does not reach them. A newer Calico may have its images in another registry than the one
before.
"""

from __future__ import annotations

import pulumi

from components.addons import addons_of
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
