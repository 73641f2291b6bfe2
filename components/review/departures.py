"""Departures of hosts: refusals of those that no other host can carry out, and warnings about votes of etcd."""

from __future__ import annotations

from collections.abc import Iterator

from components.steps.step import StepName
from components.steps.wanted import Wanted
from problem import Problem


def roles_that_change(wanted: Wanted) -> Iterator[str]:
    """A line for each host whose role changes in place."""
    for host in wanted.settings.hosts.values():
        before = wanted.last.value(host.name, StepName.PREPARE, "ROLE")
        if before and before != host.role:
            yield (
                f"hosts.{host.name}.role: a host keeps its role, found {host.role}, the host is a {before}; delete the"
                f" line of {host.name}, `pulumi up`, which drains and resets it, then write it anew, `pulumi up`"
            )


def departures_without_sponsor(wanted: Wanted) -> Iterator[str]:
    """A line for each host that leaves the stack, and whose membership ends on a host that leaves or is gone, too.

    The engine runs the end of a membership on the machine that the last update recorded, and as its last work. Without
    a membership in the state nothing takes the node away, and the machine is reset all the same.
    """
    last, hosts = wanted.last, wanted.settings.hosts
    leaving = [name for name in last.hosts_with(StepName.PREPARE) if name not in hosts]
    for name in list(leaving):
        sponsor = last.value(name, StepName.MEMBERSHIP, "HOST_NAME")
        if sponsor is None:
            if last.may_have_node(name):
                yield (
                    f"hosts: {name} leaves the stack, and no control plane would take it out of the cluster, because"
                    " the state has no membership of it; write its line back, `pulumi up`, then delete it"
                )
        elif sponsor in leaving or (sponsor in hosts and hosts[sponsor].gone):
            why = "leaves the stack, too" if sponsor in leaving else "is gone"
            leaving.remove(name)  # one that it sponsors may leave in the update that its own line is written back for
            yield (
                f"hosts: {name} leaves the stack, and {sponsor}, which would take it out of the cluster, {why}; that"
                f" takes two updates: write the line of {name} back, `pulumi up`, then delete it"
            )


def departures_through_dead_bastion(wanted: Wanted) -> Iterator[str]:
    """A line for each member that leaves the stack, and that the last update reached through a machine that is gone."""
    last, hosts = wanted.last, wanted.settings.hosts
    dead = [host for host in hosts.values() if host.gone]
    gone = {name: each.name for each in dead for name in (each.name, str(each.address), str(each.internal_ip))}
    for name in last.hosts_with(StepName.PREPARE):
        prepared = last.step(name, StepName.PREPARE)
        bastion = (prepared.connection.get("proxy") or {}).get("host") if prepared else None
        if name not in hosts and last.is_member(name) and bastion in gone:
            yield (
                f"hosts: {name} leaves the stack, and {gone[bastion]}, the bastion of the last update, is gone; that"
                f" takes two updates: write the line of {name} back, `pulumi up`, then delete it"
            )


def forgotten_warnings(wanted: Wanted) -> Iterator[Problem]:
    """A warning for each host that leaves the stack, and may be a node of which the state has forgotten all.

    With policy.resetOnDestroy a machine is reset without a question to the API. A host that never joined has the same
    state.
    """
    last = wanted.last
    for name in last.hosts_with(StepName.PREPARE):
        is_reset_unasked = last.value(name, StepName.PREPARE, "NODE_LEAVES_FIRST") == "false"
        if name not in wanted.settings.hosts and is_reset_unasked and not last.may_have_node(name):
            yield Problem(
                "hosts",
                expected=f"a membership or a join of {name}, which leaves the stack, in the state",
                seen="neither: with policy.resetOnDestroy the machine is reset unasked, also one that is a node",
                next_command=f"if it is one: write the line of {name} back, pulumi up, then delete it",
            )


def virtual_address_of_leaving(wanted: Wanted) -> Iterator[str]:
    """A line where a host that leaves the stack has the virtual address as its own, until the update ends."""
    last, vip = wanted.last, wanted.settings.cluster.vip
    for name in last.hosts_with(StepName.PREPARE) if vip else ():
        prepared = last.step(name, StepName.PREPARE)
        addresses = {prepared.connection["host"], prepared.inputs.values.get("NODE_IP")} if prepared else set()
        if vip and name not in wanted.settings.hosts and str(vip.address) in addresses:
            yield (
                f"cluster.vip.address: {vip.address} is the address of {name}, which leaves the stack in this update;"
                " that takes two updates: set the address after the `pulumi up` that takes the host away"
            )


def vote_warnings(wanted: Wanted) -> Iterator[Problem]:
    """Warnings of a number of control planes that is no better than one less, and of a lost majority."""
    count = len(wanted.settings.living_control_planes)
    if count % 2 == 0:
        yield Problem(
            "hosts",
            expected="an odd number of control planes",
            seen=f"{count}: etcd stands the loss of {(count - 1) // 2} of them, as with {count - 1}",
            next_command=f"add a control plane, or take one away; {count} work",
        )
    members = wanted.last.control_planes()
    gone = [name for name in members if name in wanted.settings.hosts and wanted.settings.hosts[name].gone]
    if gone and len(gone) * 2 >= len(members):
        yield Problem(
            "hosts",
            expected="a majority of the control planes to be alive",
            seen=f"{', '.join(gone)} gone, of {len(members)}",
            next_command="pulumi up says whether etcd still has a leader; without one nothing can be changed",
        )
