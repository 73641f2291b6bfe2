"""The effects of all renderers, by path, for the plan."""

from __future__ import annotations

from components.host_files import (
    api_server,
    apt,
    backup,
    containerd,
    containerd_1_4,
    kubeadm,
    load_balancer,
    proxy,
    results,
    serving_certificates,
    system,
    vip,
)
from components.host_files.effect import Effect

EFFECTS = (
    *system.EFFECTS,
    *apt.EFFECTS,
    *proxy.EFFECTS,
    *containerd.EFFECTS,
    *containerd_1_4.EFFECTS,
    *load_balancer.EFFECTS,
    *backup.EFFECTS,
    *serving_certificates.EFFECTS,
    *vip.EFFECTS,
    *api_server.EFFECTS,
    *kubeadm.EFFECTS,
    *results.EFFECTS,
)
"""Every effect; a test fails for a file of a host without an effect."""


def effect_of(path: str) -> Effect:
    """The effect of the file at a path; an unknown effect for a file of an older version of this project."""
    for effect in EFFECTS:
        if effect.covers(path):
            return effect
    return Effect(path, "an older version of this project wrote the file; its effect is not known")
