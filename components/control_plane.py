"""The control plane: kubeadm init, and the way into the cluster."""

from __future__ import annotations

import pulumi

from components._remote import run_step
from components.host import PreparedHost
from components.settings import Host, Settings


class ControlPlane(pulumi.ComponentResource):
    """A prepared host that runs the control plane of a cluster.

    The API is ready, everything that kubeadm makes is there and the node is registered. A later change of the stack
    verifies this and never initialises again.

    Attributes:
        host: where join tokens are made.
        kubeconfig: content of admin.conf, a secret.
    """

    host: Host
    kubeconfig: pulumi.Output[str]

    def __init__(self, prepared: PreparedHost, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeadm:index:ControlPlane", prepared.host.name, None, opts)
        self.host = prepared.host
        init = run_step(
            f"{self.host.name}-init",
            "init",
            self.host,
            settings,
            values={
                "IGNORE_PREFLIGHT_ERRORS": ",".join(settings.cluster.ignore_preflight_errors),
                "RESET_ON_FAILURE": str(settings.policy.reset_on_failure).lower(),
            },
            verify_on_update=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared]),
        )
        fetched = run_step(
            f"{self.host.name}-kubeconfig",
            "kubeconfig",
            self.host,
            settings,
            returns_secret=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[init]),
        )
        self.kubeconfig = pulumi.Output.secret(fetched.stdout)
        self.register_outputs({"kubeconfig": self.kubeconfig})
