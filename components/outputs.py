"""What a stack hands out."""

from __future__ import annotations

import pulumi

from components.control_plane import ControlPlane
from components.review.expiry import expiry_dates
from components.settings import Settings


def export_outputs(control_plane: ControlPlane, settings: Settings) -> None:
    """Export kubeconfig (a secret), nodes, expiry of certificates, dashboard address, and how to get a login token."""
    pulumi.export("kubeconfig", control_plane.kubeconfig)
    pulumi.export(
        "nodes",
        {
            host.name: {
                "address": str(host.internal_ip),
                "role": host.role,
                "kubernetesVersion": settings.cluster.kubernetes_version,
            }
            for host in settings.hosts.values()
        },
    )
    # The day on which the kubeconfig expires is no secret.
    readable = pulumi.Output.unsecret(control_plane.kubeconfig)
    pulumi.export(
        "certificateExpiry", pulumi.Output.all(control_plane.printed, readable).apply(lambda said: expiry_dates(*said))
    )
    if settings.dashboard.enabled:
        pulumi.export(
            "dashboardAddress", f"https://{settings.control_plane.internal_ip}:{settings.dashboard.node_port}"
        )
    for account in settings.access.service_accounts[:1]:
        pulumi.export(
            "loginTokenCommand", f"kubectl --namespace {account.namespace} create token {account.name} --duration 1h"
        )
