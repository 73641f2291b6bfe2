"""A worker: its membership in the cluster, and kubeadm join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from components.host import PreparedHost
from components.membership import join, make_membership
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.step import StepName


class Worker(pulumi.ComponentResource):
    """A prepared host that is a Ready node of the cluster, in the version and with the settings of the stack.

    Adding a worker mints one short-lived token on a control plane, for this host alone. An upgrade drains the node
    first. Removing a worker drains and deletes the node, and then resets the machine.

    A worker registers no outputs, nor does a prepared host: Pulumi writes the whole state for each registration.

    Attributes:
        host: the host in the settings.
        joined: the command after which the node is Ready; None for a host that is gone, whose node is deleted.
    """

    host: Host
    joined: pulumi.Resource | None

    def __init__(
        self,
        prepared: PreparedHost,
        commands: StepCommands,
        *,
        authority: pulumi.Output[str],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Join a prepared host.

        Args:
            prepared: the machine.
            commands: makes the commands of the cluster.
            authority: certificate of the cluster's authority, in PEM.
            after: resources that must exist before nodes join, and the joins of nodes that change before this node.
            opts: options of the component, at least the parent.
        """
        self.host = prepared.host
        super().__init__("kubeadm:index:Worker", commands.wanted.resource_name(self.host.name), None, opts)
        self.joined = None
        if self.host.gone:
            commands.keep(self.host.name, StepName.JOIN, self)
            make_membership(self, self.host, commands, after=after)
            return
        self.joined = join(self, prepared, commands, authority=authority, after=after)


def join_workers(
    hosts: Mapping[str, PreparedHost],
    commands: StepCommands,
    *,
    authority: pulumi.Output[str],
    after: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> list[Worker]:
    """All workers. New workers join in parallel; running workers change in turn, `maxUnavailable` at a time."""
    workers, changing = [], list[pulumi.Resource]()
    wanted = commands.wanted
    at_once = wanted.settings.policy.max_unavailable
    for host in wanted.settings.workers:
        waits_its_turn = wanted.changes_node(host) and not host.gone
        turn = changing[-at_once:][:1] if waits_its_turn and len(changing) >= at_once else []
        worker = Worker(hosts[host.name], commands, authority=authority, after=[*after, *turn], opts=opts)
        workers.append(worker)
        if waits_its_turn and worker.joined:
            changing.append(worker.joined)
    return workers
