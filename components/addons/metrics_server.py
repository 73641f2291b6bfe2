"""metrics-server: `kubectl top`, autoscalers and the graphs of dashboards read from it what nodes and pods use."""

from __future__ import annotations

from components.addons.addon import Addon
from components.addons.manifests import Manifest, containers, own_objects
from components.settings import Settings

API = "v1beta1.metrics.k8s.io"
"""Name of the APIService."""


def metrics_server_manifests(settings: Settings) -> list[Manifest]:
    """The objects of manifests/metrics-server.yaml with the settings of the stack."""
    objects = own_objects("metrics-server.yaml")
    for manifest in objects:
        for container in containers(manifest):
            container["image"] = settings.metrics_server_image
        if manifest["kind"] == "Deployment" and settings.metrics_server.host_network:
            manifest["spec"]["template"]["spec"]["hostNetwork"] = True
    return objects


METRICS_SERVER = Addon(
    "metrics-server", "MetricsServer", lambda settings: settings.metrics_server.enabled, metrics_server_manifests
)
"""In kube-system, a namespace of Kubernetes without a Pod Security level; the pod keeps to `restricted`."""
