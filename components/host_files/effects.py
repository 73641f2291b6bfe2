"""The effects of all renderers: the plan asks for a path and gets what a change of the file does to a host."""

from __future__ import annotations

from components.host_files import apt, containerd, containerd_1_4, kubeadm, proxy, system
from components.host_files.effect import Effect

EFFECTS = (
    *system.EFFECTS,
    *apt.EFFECTS,
    *proxy.EFFECTS,
    *containerd.EFFECTS,
    *containerd_1_4.EFFECTS,
    *kubeadm.EFFECTS,
)
"""A file of a host without an effect fails a test."""


def effect_of(path: str) -> Effect:
    """The effect of the file at a path. A file that only an older version of this project wrote has none."""
    for effect in EFFECTS:
        if effect.covers(path):
            return effect
    return Effect(path, "an older version of this project wrote the file; its effect is not known")
