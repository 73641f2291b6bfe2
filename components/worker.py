"""A worker: its membership in the cluster, and kubeadm join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.cluster_access import authority_of
from components.control_plane import ControlPlane
from components.host import PreparedHost
from components.host_files import kubeadm
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.step import StepName


class Worker(pulumi.ComponentResource):
    """A prepared host that is a Ready node of the cluster, in the version and with the settings of the stack.

    Adding a worker mints one short-lived token on the control plane, for this host alone. An upgrade drains the node
    first. Removing a worker drains and deletes the node, and then resets the machine.

    Attributes:
        host: the host in the settings.
        joined: the command after which the node is Ready; None for a host that is gone.
    """

    host: Host
    joined: pulumi.Resource | None

    def __init__(
        self,
        prepared: PreparedHost,
        control_plane: ControlPlane,
        commands: StepCommands,
        *,
        authority: pulumi.Output[str],
        after: Sequence[pulumi.Resource],
        lives_in: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Join a prepared host.

        Args:
            prepared: the machine.
            control_plane: the control plane that makes the join token.
            commands: makes the commands of the cluster.
            authority: certificate of the cluster's authority, in PEM.
            after: resources that must exist before nodes join, and the joins of nodes that change before this node.
            lives_in: the lifetime of the cluster. `pulumi destroy` drains no node.
            opts: options of the component, at least the parent.
        """
        host, wanted = prepared.host, commands.wanted
        super().__init__("kubeadm:index:Worker", wanted.resource_name(host.name), None, opts)
        self.host, self.joined = host, None
        join = wanted.step(host.name, StepName.JOIN)
        if host.gone:
            commands.forget(join, opts=pulumi.ResourceOptions(parent=self))
            return
        membership = commands.run(
            wanted.step(host.name, StepName.MEMBERSHIP),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[control_plane, prepared, *after], deleted_with=lives_in
            ),
        )
        token: pulumi.Output[str] = pulumi.Output.secret(membership.stdout)
        self.joined = commands.run(
            join,
            secret_files=pulumi.Output.all(token=token, authority=authority).apply(
                lambda all_: kubeadm.join_files(**all_)
            ),
            keeps_input=wanted.last.is_member(host.name) and not wanted.changes_join(host),
            opts=pulumi.ResourceOptions(parent=self),  # it waits for all that its membership waits for
        )


def join_workers(
    hosts: Mapping[str, PreparedHost],
    control_plane: ControlPlane,
    commands: StepCommands,
    *,
    after: Sequence[pulumi.Resource],
    lives_in: pulumi.Resource,
    opts: pulumi.ResourceOptions,
) -> list[Worker]:
    """All workers. New workers join in parallel; running workers change in turn, `maxUnavailable` at a time."""
    workers, changing = [], list[pulumi.Resource]()
    wanted = commands.wanted
    authority = control_plane.kubeconfig.apply(authority_of)
    at_once = wanted.settings.policy.max_unavailable
    for host in wanted.settings.workers:
        waits_its_turn = wanted.changes_join(host)
        turn = changing[-at_once:][:1] if waits_its_turn and len(changing) >= at_once else []
        worker = Worker(
            hosts[host.name],
            control_plane,
            commands,
            authority=authority,
            after=[*after, *turn],
            lives_in=lives_in,
            opts=opts,
        )
        workers.append(worker)
        if waits_its_turn and worker.joined:
            changing.append(worker.joined)
    return workers
