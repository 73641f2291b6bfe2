"""A warning of eviction thresholds that another threshold of the stack switches off: a node then fills its disk."""

from __future__ import annotations

from components.settings import Settings
from problem import Problem

DEFAULTS = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
}
"""Hard thresholds of the kubelet on Linux, in every supported version: defaults of a configuration without thresholds.
With a threshold of the stack the others are 0: "Hard eviction thresholds" of Kubernetes' page on node pressure."""


def eviction_warning(settings: Settings) -> Problem | None:
    """The warning; None where the stack names all thresholds or no threshold, or the kubelet merges its defaults."""
    document = settings.cluster.kubelet_configuration
    named = document.get("evictionHard")
    if not isinstance(named, dict) or not named or document.get("mergeDefaultEvictionSettings") is True:
        return None
    lost = {signal: value for signal, value in DEFAULTS.items() if signal not in named}
    if not lost:
        return None
    return Problem(
        "cluster.kubeletConfiguration.evictionHard",
        expected=f"all thresholds of the kubelet: a list without {' and '.join(lost)} switches these off",
        seen=f"only {', '.join(map(str, named))}",
        next_command="add "
        + ", ".join(f"`{signal}: {value}`" for signal, value in lost.items())
        + ", the kubelet's defaults; `0%` says that one is off on purpose",
    )
