"""The Kubernetes Dashboard on a node port of every node: it answers with TLS, and requires a token."""

from __future__ import annotations

from components.addons.addon import Addon
from components.addons.manifests import Manifest, containers, own_objects
from components.settings import Settings

NAMESPACE = "kubernetes-dashboard"
METRICS_SCRAPER = "dashboard-metrics-scraper"


def dashboard_manifests(settings: Settings) -> list[Manifest]:
    """The objects of manifests/dashboard.yaml with the settings of the stack."""
    dashboard = settings.dashboard
    objects = own_objects("dashboard.yaml")
    for manifest in objects:
        is_scraper = manifest["metadata"]["name"] == METRICS_SCRAPER
        if manifest["kind"] == "Service" and not is_scraper:
            manifest["spec"]["ports"][0]["nodePort"] = dashboard.node_port
        if manifest["kind"] == "Deployment":
            image = dashboard.image_of("kubernetes-dashboard")
            for container in containers(manifest):
                container["image"] = dashboard.metrics_scraper_image if is_scraper else image
            if is_scraper:
                manifest["spec"]["template"]["spec"]["hostNetwork"] = dashboard.metrics_scraper_host_network
    return objects


DASHBOARD = Addon(
    "dashboard",
    "Dashboard",
    lambda settings: settings.dashboard.kind == "kubernetes-dashboard",
    dashboard_manifests,
    namespace=NAMESPACE,
    pod_security=lambda settings: "privileged" if settings.dashboard.metrics_scraper_host_network else "baseline",
)
