"""Control planes: edits that a cluster cannot follow, and warnings about votes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.review.departures import forgotten_warnings, vote_warnings
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.control_planes import ControlPlanes
from components.steps.last_update import LastUpdate, RecordedStep
from components.steps.stdin import prologue
from components.steps.step import StepName
from tests.unit.support.planning import impossible, planned, state_of, wanted_by
from tests.unit.support.recording import record
from tests.unit.support.several import host_line, several
from tests.unit.support.stacks import KEY, Stack, smallest

THREE = "node1 node2 node3"


@pytest.fixture(scope="module")
def last(directory: Path) -> LastUpdate:
    """Three control planes and two workers, up."""
    return state_of(record(several(directory, THREE), preview=False))


def test_a_role_does_not_change_in_place(directory: Path, last: LastUpdate) -> None:
    """In neither direction."""
    stack = several(directory, THREE)
    stack["hosts"]["node3"]["role"] = "worker"
    stack["hosts"]["node8"]["role"] = "control-plane"
    found = impossible(stack, last)
    assert [each.partition(":")[0] for each in found] == ["hosts.node3.role", "hosts.node8.role"]
    assert "found worker, the host is a control-plane; delete the line of node3, `pulumi up`" in found[0]


@pytest.mark.parametrize(("host", "role"), [("node3", "worker"), ("node8", "control-plane")])
def test_a_role_does_not_change_in_the_update_that_declares_its_machine_gone(
    directory: Path, last: LastUpdate, host: str, role: str
) -> None:
    """What is there to be taken away follows from the role."""
    stack = several(directory, THREE)
    stack["hosts"][host] |= {"gone": True, "role": role}
    (problem,) = impossible(stack, last)
    assert problem.startswith(f"hosts.{host}.role: a host keeps its role, found {role}")


def test_a_node_is_not_renamed(directory: Path, last: LastUpdate) -> None:
    """The machine would join under the new name, and then be reset under the old one."""
    stack = several(directory, THREE)
    stack["hosts"]["node7"] = stack["hosts"].pop("node3")
    (problem,) = impossible(stack, last)
    assert problem.startswith("hosts.node7.address: 192.0.2.13 is node node3 of this cluster; to rename it delete")


@pytest.mark.parametrize(
    ("addresses", "setting"),
    [({"address": "10.0.0.13"}, "address"), ({"address": "192.0.2.77", "nodeIp": "10.0.0.13"}, "nodeIp")],
)
def test_a_node_is_not_renamed_by_its_other_address(directory: Path, addresses: dict[str, str], setting: str) -> None:
    """A machine of two networks is the same machine in both."""
    stack = several(directory, THREE)
    stack["hosts"]["node3"]["nodeIp"] = "10.0.0.13"
    known = state_of(record(stack, preview=False))
    stack["hosts"]["node7"] = {"hostKey": stack["hosts"].pop("node3")["hostKey"]} | addresses
    (problem,) = impossible(stack, known)
    assert problem.startswith(
        f"hosts.node7.{setting}: 10.0.0.13 is node node3 of this cluster; to rename it delete the"
    )


def test_the_only_control_plane_does_not_change_its_address_while_others_come(directory: Path) -> None:
    """Its line cannot be deleted either."""
    known, stack = state_of(record(several(directory, "node1"), preview=False)), several(directory, THREE)
    stack["hosts"]["node1"]["address"] = "192.0.2.77"
    (problem,) = impossible(stack, known)
    assert problem.startswith("hosts.node1.address: a node keeps its address in the cluster")
    assert "; set it back, or destroy the cluster" in problem


def test_an_address_of_a_machine_that_left_the_cluster_may_have_another_name(directory: Path) -> None:
    """A new machine at the address of one that was gone is no node of the cluster; one edit is enough."""
    before, stack = record(several(directory, THREE), preview=False), several(directory, THREE)
    stack["hosts"]["node3"]["gone"] = True
    known = state_of(record(stack, preview=False, before=before))
    stack["hosts"]["node7"] = stack["hosts"].pop("node3") | {"gone": False}
    assert impossible(stack, known) == []
    lines = planned(stack, known)
    assert "node3: leaves the stack; the machine is reset, unless it was declared gone" in lines
    assert "node7: is prepared and joins as a control plane, Kubernetes 1.36.3" in lines


@pytest.mark.parametrize("leaving", ["node2", "node9"])
def test_the_virtual_address_is_not_that_of_a_host_that_leaves(directory: Path, last: LastUpdate, leaving: str) -> None:
    """Both would have it, and the reset would find a control plane there."""
    stack = several(directory, THREE)
    address = stack["hosts"].pop(leaving)["address"]
    stack["cluster"]["vip"] = {"address": address}
    (problem,) = impossible(stack, last)
    assert problem.startswith(f"cluster.vip.address: {address} is the address of {leaving}, which leaves the stack in")
    assert impossible(stack | {"cluster": {"name": "dev"}}, last) == []


def test_a_host_whose_sponsor_leaves_with_it_is_refused(directory: Path, last: LastUpdate) -> None:
    """The end of its membership would run on a machine that is reset in the same update."""
    found = impossible(several(directory, "node2 node3", "node8"), last)
    assert len(found) == 1
    assert found[0].startswith("hosts: node9 leaves the stack, and node1, which would take it out of the cluster, ")
    assert "leaves the stack, too; that takes two updates" in found[0]
    assert impossible(several(directory, "node1 node3", "node8"), last) == [], "the sponsor of node9 stays"


def test_a_host_whose_sponsor_is_gone_is_refused(directory: Path, last: LastUpdate) -> None:
    """Until an update has moved its membership."""
    stack = several(directory, THREE, "node8")
    stack["hosts"]["node1"]["gone"] = True
    (problem,) = impossible(stack, last)
    assert "node9 leaves the stack, and node1, which would take it out of the cluster, is gone" in problem
    both = several(directory, THREE)
    both["hosts"]["node1"]["gone"] = True
    moved = state_of(record(both, preview=False, before=record(several(directory, THREE), preview=False)))
    assert impossible(stack, moved) == []


def test_a_host_does_not_leave_through_a_bastion_that_is_gone(directory: Path) -> None:
    """Its machine would be asked through the dead one, and be taken for dead itself."""

    def through(node: int, workers: str, **line: bool) -> Stack:
        stack = several(directory, THREE, workers)
        stack["ssh"] = {"bastion": {"address": f"192.0.2.1{node}", "hostKey": KEY}}
        stack["hosts"]["node3"] |= line
        return stack

    before = record(through(3, "node8 node9"), preview=False)
    (problem,) = impossible(through(2, "node8", gone=True), state_of(before))
    assert problem.startswith("hosts: node9 leaves the stack, and node3, the bastion of the last update, is gone; that")
    assert "write the line of node9 back, `pulumi up`, then delete it" in problem
    moved = record(through(2, "node8 node9", gone=True), preview=False, before=before)
    assert impossible(through(2, "node8", gone=True), state_of(moved)) == []


def test_two_control_planes_that_sponsor_each_other_do_not_leave_together(directory: Path, last: LastUpdate) -> None:
    """Each would end the membership of the other. One line that is written back is enough, for its workers too."""
    (problem,) = impossible(several(directory, "node3", "node8"), last)
    assert problem.startswith(
        "hosts: node1 leaves the stack, and node2, which would take it out of the cluster, leaves"
    )
    assert "write the line of node1 back, `pulumi up`, then delete it" in problem
    stack, before = several(directory, "node1 node3", "node8"), record(several(directory, THREE), preview=False)
    assert impossible(stack, last) == []
    moved = state_of(record(stack, preview=False, before=before))
    assert impossible(several(directory, "node3", "node8"), moved) == []


def test_the_first_does_not_leave_before_another_can_take_it_away(directory: Path, last: LastUpdate) -> None:
    """The update that would have given it its membership ended early."""
    steps = {key: each for key, each in last.steps.items() if key != ("node1", StepName.MEMBERSHIP)}
    (problem,) = impossible(several(directory, "node2 node3"), dataclasses.replace(last, steps=steps))
    assert problem.startswith("hosts: node1 leaves the stack, and no control plane would take it out of the cluster")


@pytest.mark.parametrize("name", ["node3", "node9"])
def test_a_host_whose_membership_is_forgotten_does_not_leave(directory: Path, last: LastUpdate, name: str) -> None:
    """With policy.resetOnDestroy its machine would be reset without a look, and its member of etcd keep its vote."""
    steps = {key: each for key, each in last.steps.items() if key != (name, StepName.MEMBERSHIP)}
    forgotten, stack = dataclasses.replace(last, steps=steps), several(directory, THREE)
    assert impossible(stack, forgotten) == [], "its line is written back"
    line = stack["hosts"].pop(name)
    (problem,) = impossible(stack | {"policy": {"resetOnDestroy": True}}, forgotten)
    assert problem.startswith(f"hosts: {name} leaves the stack, and no control plane would take it out of the cluster")
    before = record(several(directory, THREE), preview=False)
    only = [each for each in before.resources if each.name != f"{name}/membership"]
    stack["hosts"][name] = line
    again = record(stack, preview=False, before=dataclasses.replace(before, resources=only))
    del stack["hosts"][name]
    assert impossible(stack, state_of(again)) == [], "by the advice"


@pytest.mark.parametrize("name", ["node3", "node9"])
@pytest.mark.parametrize("is_forgotten", [True, False])
@pytest.mark.parametrize("is_reset_unasked", [True, False])
def test_a_node_that_the_state_has_forgotten_is_warned_of_before_its_reset(
    directory: Path, name: str, is_forgotten: bool, is_reset_unasked: bool
) -> None:
    """A host that never joined has the same state, and may leave. Without the policy the machine asks the API."""
    stack = several(directory, THREE)
    stack["policy"] = {"resetOnDestroy": is_reset_unasked}
    last = state_of(record(stack, preview=False))
    forgotten = {(name, StepName.MEMBERSHIP), (name, StepName.JOIN)} if is_forgotten else set()
    steps = {key: each for key, each in last.steps.items() if key not in forgotten}
    known = dataclasses.replace(last, steps=steps)
    assert list(forgotten_warnings(wanted_by(stack, known))) == []
    del stack["hosts"][name]
    found = [str(each) for each in forgotten_warnings(wanted_by(stack, known))]
    assert len(found) == (is_forgotten and is_reset_unasked)
    assert all(f"Next: if it is one: write the line of {name} back, pulumi up" in each for each in found)


@pytest.mark.parametrize("name", ["node3", "node9"])
def test_a_machine_that_is_gone_leaves_the_cluster_without_a_membership_in_the_state(
    directory: Path, name: str
) -> None:
    """Its node, and its member of etcd, would stay, and no update would say so."""
    before, stack = record(several(directory, THREE), preview=False), several(directory, THREE)
    only = dataclasses.replace(
        before, resources=[each for each in before.resources if each.name != f"{name}/membership"]
    )
    stack["hosts"][name]["gone"] = True
    assert any(line.startswith(f"{name}: is gone: ") for line in planned(stack, state_of(only)))
    after = record(stack, preview=False, before=only)
    assert f"{name}/membership" in after.changed_since(only)
    assert state_of(after).has_departed(name)
    del stack["hosts"][name]
    assert impossible(stack, state_of(after)) == []


def test_a_host_that_never_joined_leaves_without_a_membership(directory: Path, last: LastUpdate) -> None:
    """The update ended behind its preparation."""
    steps = {key: each for key, each in last.steps.items() if key[0] != "node9" or key[1] is StepName.PREPARE}
    assert impossible(several(directory, THREE, "node8"), dataclasses.replace(last, steps=steps)) == []


def test_a_cluster_keeps_a_control_plane(directory: Path, last: LastUpdate) -> None:
    """New ones join through one that is there."""
    (problem,) = impossible(several(directory, "node4 node5 node6"), last)
    assert problem.startswith(
        "hosts: the cluster has the control planes node1, node2, node3, found node4, node5, node6"
    )
    assert "one has to stay until another has joined" in problem


def test_the_last_member_does_not_die_in_the_update_that_adds_another(directory: Path) -> None:
    """The new one could only initialise: in words, and not by a stack trace."""
    alone = state_of(record(several(directory, "node1"), preview=False))
    stack = several(directory, "node1 node2")
    stack["hosts"]["node1"]["gone"] = True
    (problem,) = impossible(stack, alone)
    assert problem.startswith("hosts: the cluster has the control plane node1, found node2")


@pytest.mark.parametrize(
    ("control_planes", "before", "refused"),
    [(THREE, "1.33.5", True), (THREE, "1.33.13", False), ("node1", "1.33.5", False), (THREE, "1.34.4", False)],
)
def test_an_etcd_that_may_lose_votes_is_not_upgraded(
    directory: Path, control_planes: str, before: str, refused: bool
) -> None:
    """etcd 3.6 refuses members that 3.5 before 3.5.24 left without a vote."""
    known = state_of(record(several(directory, control_planes, version=before), preview=False))
    after = "1.34.4" if before.startswith("1.33") else "1.35.4"
    found = impossible(several(directory, control_planes, version=after), known)
    assert bool(found) == refused
    assert all("etcd 3.5.21-0 of 1.33.5 is older than 3.5.24" in each for each in found)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("3.5.21-0", "3.5.21-0", False),
        ("3.5.21-0", "3.6.5-0", True),
        ("3.5.24-0", "3.6.5-0", False),
        ("v3.5.15", "v3.6.5-0", True),
        ("ours", "3.6.5-0", False),
        (None, "3.5.24-0", False),
        ("3.5.24-0", None, False),
    ],
)
@pytest.mark.parametrize("version", ["1.33.5", "1.34.4"])
def test_an_etcd_whose_image_the_stack_names_is_compared_by_its_tag(
    directory: Path, before: str | None, after: str | None, refused: bool, version: str
) -> None:
    """It comes by an edit of the tag, too, without another version of Kubernetes."""
    first = several(directory, THREE, version="1.33.5")
    first["cluster"]["clusterConfiguration"] = with_etcd(before)
    known = state_of(record(first, preview=False))
    second = several(directory, THREE, version=version)
    second["cluster"]["clusterConfiguration"] = with_etcd(after)
    assert bool(impossible(second, known)) == refused


def with_etcd(tag: str | None) -> dict[str, Any]:
    """A ClusterConfiguration with this tag of etcd, or kubeadm's own."""
    return {"etcd": {"local": {"imageTag": tag}}} if tag else {}


@pytest.mark.parametrize(("number", "warned"), [(1, False), (2, True), (3, False), (4, True)])
def test_an_even_number_of_control_planes_is_warned_of(directory: Path, number: int, warned: bool) -> None:
    """And works: 3 to 2 after a death has to be possible."""
    stack = several(directory, " ".join(f"node{each}" for each in range(1, number + 1)))
    found = [str(each) for each in vote_warnings(wanted_by(stack, LastUpdate()))]
    assert bool(found) == warned
    assert all("an odd number of control planes" in each for each in found)


@pytest.mark.parametrize(("gone", "warned"), [("node1", False), ("node1 node2", True)])
def test_a_majority_that_is_gone_is_warned_of(directory: Path, last: LastUpdate, gone: str, warned: bool) -> None:
    """etcd may have no leader; the update says so."""
    stack = several(directory, THREE)
    for name in gone.split():
        stack["hosts"][name]["gone"] = True
    found = [str(each) for each in vote_warnings(wanted_by(stack, last))]
    assert any("a majority of the control planes to be alive" in each for each in found) == warned
    assert impossible(stack, last) == []


def test_hosts_that_leave_are_told_apart(directory: Path, last: LastUpdate) -> None:
    """A worker has no member of etcd."""
    lines = planned(several(directory, "node1 node3", "node8"), last)
    assert (
        "node2: is drained within 300 s, its member of etcd is removed, its node is deleted, the machine is reset"
        in lines
    )
    assert "node9: is drained within 300 s, its node is deleted, the machine is reset" in lines


NAMES = [f"node{number}" for number in range(1, 7)]
NAMED = {name: host_line(name, "worker") for name in NAMES}


@st.composite
def control_planes(draw: st.DrawFn) -> ControlPlanes:
    """Any hosts after any update: who is a member, who is gone, and whose membership ran where."""
    listed = draw(st.permutations(NAMES).map(lambda names: names[: draw(st.integers(1, 6))]))
    stack = smallest()
    stack["hosts"] = {
        name: NAMED[name] | {"role": draw(st.sampled_from(["control-plane", "worker"])), "gone": draw(st.booleans())}
        for name in listed
    }
    stack["hosts"][listed[0]] |= {"role": "control-plane", "gone": False}
    steps: dict[tuple[str, StepName], RecordedStep] = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        sponsor = draw(st.sampled_from(NAMES))
        values = {"HOST_NAME": sponsor, "IS_GONE": draw(st.sampled_from(["true", "false", "false"]))}
        steps[name, StepName.MEMBERSHIP] = RecordedStep(prologue("membership", values), {}, "")
        leads = draw(st.sampled_from(["true", "false"]))
        steps[name, StepName.JOIN] = RecordedStep(prologue("join", {"HOST_NAME": name, "LEADS": leads}), {}, "")
    settings = parse_settings(stack)
    assert isinstance(settings, Settings)
    return ControlPlanes(settings, LastUpdate(steps=steps))


@hypothesis_settings(max_examples=150, deadline=None)
@given(found=control_planes())
def test_a_sponsor_is_another_living_control_plane_and_stays_while_it_can(found: ControlPlanes) -> None:
    """Never the host, never a machine that is gone, never a host that is not listed; a member where there is one."""
    living = found.settings.living_control_planes
    for host in found.settings.hosts.values():
        sponsor = found.sponsor_of(host)
        others = [each for each in living if each.name != host.name]
        assert (sponsor is None) == (not others)
        if sponsor is None:
            continue
        assert sponsor in others
        members = [each for each in others if found.last.is_member(each.name)]
        assert not members or sponsor in members
        known = found.last.value(host.name, StepName.MEMBERSHIP, "HOST_NAME")
        assert known not in {each.name for each in members} or sponsor.name == known


@hypothesis_settings(max_examples=150, deadline=None)
@given(found=control_planes())
def test_one_control_plane_leads_and_none_that_is_gone(found: ControlPlanes) -> None:
    """A member, where there is one; each living control plane has its turn once."""
    assert not found.leader.gone
    assert not found.members or found.leader in found.members
    assert found.in_turn[0] == found.leader
    assert sorted(each.name for each in found.in_turn) == sorted(
        each.name for each in found.settings.living_control_planes
    )
