"""The Kubernetes Dashboard on a node port."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.addons.manifests import Manifest, containers, own_objects, register, with_rewritten_images
from components.cluster_access import ClusterAccess
from components.settings import Settings

METRICS_SCRAPER = "dashboard-metrics-scraper"


class Dashboard(pulumi.ComponentResource):
    """The dashboard answers with TLS on its node port of every node, and lets nobody in without a token."""

    def __init__(
        self,
        cluster: ClusterAccess,
        settings: Settings,
        *,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Apply the dashboard.

        Args:
            after: its namespace, and nodes that its pods may run on.
        """
        super().__init__("kubeadm:index:Dashboard", "dashboard", None, opts)
        for manifest in dashboard_objects(settings):
            register(manifest, cluster, self, after=list(after))
        self.register_outputs({})


def dashboard_objects(settings: Settings) -> list[Manifest]:
    """The objects of manifests/dashboard.yaml as the stack wants them."""
    dashboard = settings.dashboard
    objects = own_objects("dashboard.yaml")
    for manifest in objects:
        is_scraper = manifest["metadata"]["name"] == METRICS_SCRAPER
        if manifest["kind"] == "Service" and not is_scraper:
            manifest["spec"]["ports"][0]["nodePort"] = dashboard.node_port
        if manifest["kind"] == "Deployment":
            for container in containers(manifest):
                container["image"] = dashboard.metrics_scraper_image if is_scraper else dashboard.image
            if is_scraper:
                manifest["spec"]["template"]["spec"]["hostNetwork"] = dashboard.metrics_scraper_host_network
    return [with_rewritten_images(manifest, settings) for manifest in objects]
