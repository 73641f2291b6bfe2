"""Contradictions of built-in add-ons with the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.settings import Settings

NEEDED_BY_METRICS = {
    "serverTLSBootstrap": True,
    "featureGates.RotateKubeletServerCertificate": True,
    "tlsCertFile": None,
    "tlsPrivateKeyFile": None,
    "authentication.webhook.enabled": True,
}
"""Fields of the KubeletConfiguration, and the value with which metrics-server believes a kubelet, and the kubelet
metrics-server. A field that the stack does not set has it."""


def contradictions_of_addons(settings: Settings) -> Iterator[str]:
    """A line for each contradiction: path in the file, the problem, the found value."""
    yield from _metrics_server(settings)


def _metrics_server(settings: Settings) -> Iterator[str]:
    if not settings.metrics_server.enabled:
        return
    for path, needed in NEEDED_BY_METRICS.items():
        found: Any = settings.cluster.kubelet_configuration
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found not in (None, "", needed):
            yield (
                f"cluster.kubeletConfiguration.{path}: metrics-server takes only certificates that the authority of the"
                f" cluster signs for kubelets, found {found!r}; remove it, or set metricsServer.enabled to false"
            )
