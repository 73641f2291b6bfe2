"""Registries from which hosts pull past the mirrors of the stack."""

from __future__ import annotations

import pulumi

from components.addons import addons_of
from components.settings import Images, Settings
from components.settings.kubeadm_images import kubeadm_images
from problem import Problem


def warn_of_registries_without_rule(settings: Settings) -> None:
    """Log each registry that no rule of `images.rewrite` leads away from, where the stack has rules for others.

    A warning and no error: a network may reach the one registry and not the other.
    """
    for registry, image in _without_rule(settings).items():
        problem = Problem(
            "images.rewrite",
            expected=f"a rule for {registry}, as for {', '.join(settings.images.rewrite)}",
            seen=f"none: hosts pull {image} from {registry} itself",
            next_command=f"add `{registry}: ...` to images.rewrite, or name {registry} in containerd.registries",
        )
        pulumi.log.warn(str(problem))


def _without_rule(settings: Settings) -> dict[str, str]:
    """An image by registry, of every registry that neither a rule, nor a mirror, nor a login of the stack is for."""
    images = settings.images
    if not images.rewrite:
        return {}
    own = {prefix.partition("/")[0] for prefix in images.rewrite.values()} | set(settings.containerd.registries)
    with_registry = Images(rewrite={"docker.io": "docker.io"})
    pulled = [name for _, name in kubeadm_images(settings)]
    pulled += [images.rewritten(image) for addon in addons_of(settings) for image in addon.images(settings)]
    found = {with_registry.rewritten(image).partition("/")[0]: image for image in sorted(pulled, reverse=True)}
    return {registry: image for registry, image in sorted(found.items()) if registry not in own}
