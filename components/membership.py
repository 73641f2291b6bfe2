"""The membership of a host in the cluster, on the control plane that sponsors it, and the join on the machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pulumi
from pulumi_command import remote

from components.host import PreparedHost
from components.host_files import File, kubeadm
from components.settings import Host
from components.steps.remote import StepCommands
from components.steps.step import StepName


def join(
    parent: pulumi.Resource,
    prepared: PreparedHost,
    commands: StepCommands,
    *,
    authority: pulumi.Input[str] | None,
    more_files: pulumi.Output[list[File]] | None = None,
    after: Sequence[pulumi.Resource],
) -> remote.Command:
    """The command after which a prepared host is a Ready node.

    A control plane that joined and is the only one by now has no sponsor, and needs no invitation.
    """
    host, wanted = prepared.host, commands.wanted
    before: list[pulumi.Resource] = [prepared, *after]
    membership = make_membership(parent, host, commands, after=before)
    assert authority is not None, "only the host that initialises has no authority yet"
    invitation: pulumi.Output[str] = pulumi.Output.secret("")
    if membership is not None:
        secret_in = partial(wanted.secret_in, wanted.step(host.name, StepName.MEMBERSHIP))
        invitation = pulumi.Output.secret(membership.stdout.apply(secret_in))
    return commands.run(
        wanted.step(host.name, StepName.JOIN),
        parent,
        after=before if membership is None else [membership],
        secret_files=pulumi.Output.all(invitation, authority, more_files or []).apply(
            lambda all_: [*kubeadm.join_files(*all_[:2]), *all_[2]]
        ),
        keeps_input=wanted.last.is_member(host.name) and not wanted.changes_node(host),
    )


def make_membership(
    parent: pulumi.Resource,
    host: Host,
    commands: StepCommands,
    *,
    after: Sequence[pulumi.Resource],
) -> remote.Command | None:
    """The membership of a host: its deletion, and the update of a host that is gone, take the node out of the cluster.

    The only control plane has no sponsor: a recorded membership is kept, and nothing runs. The result is None then, and
    for a host that is gone and never was a member.
    """
    wanted = commands.wanted
    step = wanted.steps.get((host.name, StepName.MEMBERSHIP))
    if step is None or (host.gone and not wanted.last.may_have_node(host.name)):
        commands.keep(host.name, StepName.MEMBERSHIP, parent)
        return None
    return commands.run(step, parent, after=after, deleted_with=commands.lifetime)
