"""The control plane: kubeadm init, and the kubeconfig of the cluster."""

from __future__ import annotations

import pulumi

from components.host import PreparedHost
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.step import StepName


class ControlPlane(pulumi.ComponentResource):
    """A prepared host that runs the control plane of a cluster, in the version and with the settings of the stack.

    The API is ready, everything that kubeadm makes exists and the node is registered. A later change of the stack
    upgrades or reconfigures the control plane, and never initialises again.

    Attributes:
        host: the host that makes join tokens.
        kubeconfig: content of the stack's kubeconfig, whose user a binding of its own makes cluster-admin; a secret.
        certificates: lines `certificate NAME DAY`, printed by the step `init`.
    """

    host: Host
    kubeconfig: pulumi.Output[str]
    certificates: pulumi.Output[str]

    def __init__(
        self, prepared: PreparedHost, commands: StepCommands, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("kubeadm:index:ControlPlane", commands.wanted.resource_name(prepared.host.name), None, opts)
        self.host = prepared.host
        init = commands.run(
            commands.wanted.step(self.host.name, StepName.INIT),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[prepared]),
        )
        fetched = commands.run(
            commands.wanted.step(self.host.name, StepName.KUBECONFIG),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[init]),
        )
        self.certificates = init.stdout
        self.kubeconfig = pulumi.Output.secret(fetched.stdout)
        self.register_outputs({})
