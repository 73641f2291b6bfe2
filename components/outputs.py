"""What a stack hands out."""

from __future__ import annotations

import pulumi

from components.control_plane import ControlPlane
from components.settings import Settings


def export_outputs(control_plane: ControlPlane, settings: Settings) -> None:
    """Export kubeconfig (a secret), nodes, dashboard address and the command that makes a login token."""
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
    if settings.dashboard.enabled:
        pulumi.export(
            "dashboardAddress", f"https://{settings.control_plane.internal_ip}:{settings.dashboard.node_port}"
        )
    for account in settings.access.service_accounts[:1]:
        pulumi.export(
            "loginTokenCommand", f"kubectl --namespace {account.namespace} create token {account.name} --duration 1h"
        )
