"""A control plane: kubeadm init on the first host, kubeadm join on each further one."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.host import PreparedHost
from components.host_files.encryption import encryption_files
from components.membership import join, make_membership
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.result import result_of
from components.steps.step import StepName


class ControlPlane(pulumi.ComponentResource):
    """A prepared host that runs the control plane of a cluster, in the version and with the settings of the stack.

    Its API is ready, its etcd has a vote, and its node is registered. A later change of the stack upgrades or
    reconfigures the control plane, and never initialises again. A control plane that leaves is drained, its member of
    etcd removed and its node deleted, on another control plane; then the machine is reset.

    Attributes:
        host: the host in the settings.
        settled: the command after which the control plane is as the stack says, or, on a machine that is gone, has
            left; None where nothing runs.
        certificates: lines `certificate NAME DAY` of the control plane; None for a host that is gone.
    """

    host: Host
    settled: pulumi.Resource | None
    certificates: pulumi.Output[str] | None

    def __init__(
        self,
        prepared: PreparedHost,
        commands: StepCommands,
        *,
        authority: pulumi.Input[str] | None,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Initialise or join a prepared host.

        Args:
            prepared: the machine.
            commands: makes the commands of the cluster.
            authority: certificate of the cluster's authority, in PEM; None before there is a cluster.
            after: resources that exist first, such as the control plane that changes before this one.
            opts: options of the component, at least the parent.
        """
        self.host, wanted = prepared.host, commands.wanted
        step = wanted.node_step(self.host)
        super().__init__("kubeadm:index:ControlPlane", wanted.resource_name(self.host.name), None, opts)
        self.settled = self.certificates = None
        if self.host.gone:
            commands.keep(self.host.name, step, self)
            self.settled = make_membership(self, self.host, commands, after=after)
            self.register_outputs({})
            return
        settings = wanted.settings
        # Without such a file the standard input is no secret, and a preview shows its lines.
        keys = commands.secrets.encryption_keys.apply(lambda known: encryption_files(settings, known))
        secret_files = keys if settings.cluster.encryption else None
        if step is StepName.JOIN:
            done = join(self, prepared, commands, authority=authority, more_files=secret_files, after=after)
        else:
            init = wanted.step(self.host.name, StepName.INIT)
            done = commands.run(init, self, after=[prepared, *after], secret_files=secret_files)
        self.settled, self.certificates = done, done.stdout.apply(result_of)
        self.register_outputs({})

    def write_secrets(self, commands: StepCommands, *, after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """The command after which Secrets are written with the first key, by this API server."""
        step = commands.wanted.step(self.host.name, StepName.ENCRYPTION)
        return commands.run(step, self, after=after)

    def become_member(self, commands: StepCommands, *, after: Sequence[pulumi.Resource]) -> None:
        """Give the host that kubeadm initialised a membership, on a control plane that joined it."""
        make_membership(self, self.host, commands, after=after)
