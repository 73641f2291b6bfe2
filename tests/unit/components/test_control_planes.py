"""Several control planes: the resources of a cluster, those that an edit of the hosts changes, and their plan."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.unit.support import recording
from tests.unit.support.planning import ADDRESSES, impossible, planned, state_of
from tests.unit.support.recording import Recording, record
from tests.unit.support.several import host_line, several, steps_of
from tests.unit.support.stacks import KEY

FILES = "host-files"
THREE = "node1 node2 node3"
WORKERS = "node8 node9"


@pytest.fixture(scope="module")
def one(directory: Path) -> Recording:
    """One control plane and two workers, up."""
    return record(several(directory, "node1"), preview=False)


@pytest.fixture(scope="module")
def three(directory: Path) -> Recording:
    """Three control planes and two workers, up."""
    return record(several(directory, THREE), preview=False)


@pytest.fixture(scope="module")
def grown(directory: Path, one: Recording) -> Recording:
    """Three control planes that were one."""
    return record(several(directory, THREE), preview=False, before=one)


@pytest.fixture(scope="module")
def without_first(directory: Path, three: Recording) -> Recording:
    """Three control planes of which the first was declared gone."""
    stack = several(directory, THREE)
    stack["hosts"]["node1"]["gone"] = True
    return record(stack, preview=False, before=three)


def sponsors(run: Recording) -> dict[str, str]:
    """Name of the host on which the membership of each host runs."""
    names = {f"192.0.2.{10 + number}": f"node{number}" for number in range(1, 10)}
    return {
        name.removesuffix("/membership"): names[each.inputs["connection"]["host"]]
        for name, each in run.commands.items()
        if name.endswith("/membership")
    }


def waits_for(run: Recording, later: str, earlier: str) -> bool:
    """True where a command waits for another one, directly or through others."""
    urns = {each.urn: each for each in run.resources}
    seen, waiting = set[str](), [run.commands[later].urn]
    while waiting:
        urn = waiting.pop()
        if urn not in seen and urn in urns:
            seen.add(urn)
            waiting += urns[urn].request.dependencies
    return run.commands[earlier].urn in seen


def test_one_control_plane_initialises_and_the_others_join(three: Recording) -> None:
    """Each host has a membership on another one, and the first has its own once the second has joined."""
    first = steps_of("node1", "prepare", "images", "init", "membership")
    assert set(three.commands) == {"access/kubeconfig", *first, *steps_of(f"node2 node3 {WORKERS}")}
    assert sponsors(three) == {"node1": "node2", **dict.fromkeys(["node2", "node3", "node8", "node9"], "node1")}


def test_control_planes_come_one_after_the_other_and_before_workers(three: Recording) -> None:
    """etcd takes one learner at a time."""
    order = ["node1/init", "node2/membership", "node2/join", "node3/membership", "node3/join"]
    for earlier, later in zip(order, [*order[1:], "node8/membership"], strict=True):
        assert waits_for(three, later, earlier), f"{later} does not wait for {earlier}"
    assert waits_for(three, "node1/membership", "node3/join")
    assert not waits_for(three, "node9/join", "node8/join")


def test_every_host_of_several_control_planes_is_reset_when_it_leaves(one: Recording, three: Recording) -> None:
    """The only control plane is not: that would destroy the cluster."""
    undone = {name for name, each in three.commands.items() if "delete" in each.inputs}
    assert undone == steps_of(f"{THREE} {WORKERS}", "prepare", "membership")
    assert "delete" not in one.commands["node1/prepare"].inputs


def test_the_preview_of_an_empty_stack_shows_every_resource(directory: Path, three: Recording) -> None:
    """Of three control planes too."""
    previewed = record(several(directory, THREE), preview=True)
    assert sorted(each.urn for each in previewed.resources) == sorted(each.urn for each in three.resources)


def test_nothing_changes_without_a_change(directory: Path, three: Recording, grown: Recording) -> None:
    """After a first update, and after one that added control planes."""
    for run in (three, grown):
        assert record(several(directory, THREE), preview=False, before=run).changed_since(run) == set()
        assert planned(several(directory, THREE), state_of(run)) == ["nothing is done to any node"]


@pytest.mark.parametrize("number", ["one", "three"])
def test_a_new_worker_is_all_that_changes(number: str, directory: Path, request: pytest.FixtureRequest) -> None:
    """Beside three control planes as beside one."""
    before: Recording = request.getfixturevalue(number)
    larger = several(directory, "node1" if number == "one" else THREE, f"{WORKERS} node7")
    added = record(larger, preview=False, before=before).changed_since(before)
    assert added == {"node7", FILES, ADDRESSES, *steps_of("node7")}
    assert planned(larger, state_of(before)) == ["node7: is prepared and joins, Kubernetes 1.36.3"]


def test_the_order_of_the_hosts_changes_nothing(directory: Path, three: Recording) -> None:
    """Nor does it make another control plane the one that initialises or leads."""
    turned = several(directory, "node3 node2 node1", "node9 node8")
    again = record(turned, preview=False, before=three)
    assert again.changed_since(three) == set()
    plain = ("nodes", "dashboardAddress", "loginTokenCommand")
    assert [again.outputs[name] for name in plain] == [three.outputs[name] for name in plain]
    assert planned(turned, state_of(three)) == ["nothing is done to any node"]


def test_one_becomes_three(directory: Path, one: Recording, grown: Recording) -> None:
    """Workers get their load balancer; no init, no join of another host and no object changes."""
    expected = {*steps_of(f"node1 {WORKERS}", "prepare"), "node1/membership", *steps_of("node2 node3")}
    assert grown.changed_since(one) == {FILES, ADDRESSES, "node2", "node3", *expected}
    lines = planned(several(directory, THREE), state_of(one))
    assert "node2: is prepared and joins as a control plane, Kubernetes 1.36.3" in lines
    way = "the name of the API leads to haproxy; kube-proxy restarts, the kubelet does not"
    assert f"node8: /etc/haproxy/kubernetes-api.cfg comes: {way}" in lines
    assert not [line for line in lines if "upgraded" in line or "kubelet restarts" in line]


def test_the_only_one_is_upgraded_before_others_join(directory: Path) -> None:
    """Nothing else serves the API meanwhile, and the plan says so."""
    before = record(several(directory, "node1", version="1.35.4"), preview=False)
    lines = planned(several(directory, THREE), state_of(before))
    (line,) = [line for line in lines if line.startswith("node1: etcd is saved")]
    assert line.endswith("uncordoned; the API does not answer for a moment")


def test_three_become_one(directory: Path, grown: Recording) -> None:
    """The membership of the one that stays is kept for later: no other control plane can end it."""
    lines = planned(several(directory, "node1"), state_of(grown))
    assert "node8: /etc/systemd/system/kubernetes-api-haproxy.service goes: haproxy stops" in lines
    alone = record(several(directory, "node1"), preview=False, before=grown)
    gone = {"node2", "node3", *steps_of("node2 node3")}
    assert alone.changed_since(grown) == {FILES, ADDRESSES, *gone, *steps_of(f"node1 {WORKERS}", "prepare")}
    assert alone.commands["node1/membership"].request.retainOnDelete
    again = record(several(directory, THREE), preview=False, before=alone)
    assert "node1/init" not in again.changed_since(alone)
    assert sponsors(again)["node1"] == "node2"


@pytest.mark.parametrize("way", ["line", "gone"])
def test_one_that_joined_may_be_the_only_one(way: str, directory: Path, three: Recording) -> None:
    """The others leave, or were lost: its own membership is kept for later, and it follows every change."""
    stack, before = several(directory, THREE if way == "gone" else "node2"), three
    if way == "gone":
        for name in ("node1", "node3"):
            stack["hosts"][name]["gone"] = True
    else:
        before = record(several(directory, "node2 node3"), preview=False, before=three)
    alone = record(stack, preview=False, before=before)
    assert alone.commands["node2/membership"].request.retainOnDelete
    assert "LEADS=true" in alone.commands["node2/join"].inputs["stdin"]
    assert record(stack, preview=False, before=alone).changed_since(alone) == set()
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": [{"name": "v", "value": "3"}]}}
    changed = record(stack, preview=False, before=alone)
    assert "node2/join" in changed.changed_since(alone)
    assert waits_for(changed, "node2/join", "node2/prepare")
    again = record(several(directory, THREE), preview=False, before=alone)
    assert sponsors(again)["node2"] in {"node1", "node3"}


def test_the_first_leaves(directory: Path, three: Recording) -> None:
    """Memberships move; the kubeconfig and every object stay, and the provider dials another one."""
    rest = record(several(directory, "node2 node3"), preview=False, before=three)
    left = {"node1", *steps_of("node1", "prepare", "images", "init", "membership")}
    moved = steps_of(f"node2 node3 {WORKERS}", "membership")
    others = {FILES, ADDRESSES, "provider", "node2/join"}
    assert rest.changed_since(three) == {*others, *left, *moved, *steps_of(WORKERS, "prepare")}
    assert sponsors(rest) == {"node2": "node3", "node3": "node2", "node8": "node2", "node9": "node2"}
    assert three.commands["node1/membership"].inputs["connection"]["host"] == "192.0.2.12", "ended on another machine"
    (provider,) = rest.of_type("pulumi:providers:kubernetes")
    assert "clusterIdentifier" in provider.inputs
    lines = planned(several(directory, "node2 node3"), state_of(three))
    etcd = "its member of etcd is removed, its node is deleted, the machine is reset"
    assert f"node1: is drained within 300 s, {etcd}" in lines
    assert "node3, node8, node9: node2 looks after the membership, instead of node1; nothing restarts" in lines
    assert "node2: node3 looks after the membership, instead of node1; nothing restarts" in lines
    assert "node2: makes the changes of the whole cluster from now on; it is verified, nothing restarts" in lines


def test_a_control_plane_is_replaced_by_one_edit(directory: Path, three: Recording) -> None:
    """The new one joins, the old one leaves; memberships on the old one move."""
    stack = several(directory, "node1 node3 node4")
    replaced = record(stack, preview=False, before=three)
    hosts = {"node2", "node4", *steps_of("node2 node4")}
    assert replaced.changed_since(three) == {
        FILES,
        ADDRESSES,
        *hosts,
        "node1/membership",
        *steps_of(WORKERS, "prepare"),
    }
    assert sponsors(replaced)["node1"] == "node3"
    lines = planned(stack, state_of(three))
    assert "node4: is prepared and joins as a control plane, Kubernetes 1.36.3" in lines
    assert "node1: node3 looks after the membership, instead of node2; nothing restarts" in lines


def test_one_that_is_gone_leaves_over_another_and_is_never_visited(
    directory: Path, three: Recording, without_first: Recording
) -> None:
    """Although every membership ran on it."""
    memberships = steps_of(f"{THREE} {WORKERS}", "membership")
    changed = {FILES, "provider", *memberships, *steps_of(WORKERS, "prepare"), "node2/join"}
    assert without_first.changed_since(three) == {ADDRESSES, *changed}
    assert sponsors(without_first)["node1"] == "node2"
    kept = [without_first.commands[name].request for name in steps_of("node1", "prepare", "images", "init")]
    assert all(each.retainOnDelete for each in kept)
    dialled = {each.inputs["connection"]["host"] for each in without_first.commands.values()} - {"192.0.2.11"}
    assert dialled == {f"192.0.2.{number}" for number in (12, 13, 18, 19)}
    stack = several(directory, THREE)
    stack["hosts"]["node1"]["gone"] = True
    line = "node1: is gone: its member of etcd is removed and its node deleted; nothing connects to the machine"
    assert line in planned(stack, state_of(three))
    again = record(stack, preview=False, before=without_first)
    assert again.changed_since(without_first) == set()
    assert planned(stack, state_of(without_first)) == ["nothing is done to any node"]


def test_a_first_that_is_gone_before_it_has_a_membership_leaves(directory: Path, three: Recording) -> None:
    """The update that would have given it one ended early: another one takes it out, and its line may be deleted."""
    early = Recording([each for each in three.resources if each.name != "node1/membership"], {})
    stack = several(directory, THREE)
    stack["hosts"]["node1"]["gone"] = True
    line = "node1: is gone: its member of etcd is removed and its node deleted; nothing connects to the machine"
    assert line in planned(stack, state_of(early))
    gone = record(stack, preview=False, before=early)
    assert "IS_GONE=true" in gone.commands["node1/membership"].inputs["stdin"]
    assert sponsors(gone)["node1"] == "node2"
    for later in ("node2/join", "node3/join", "node8/membership"):
        assert waits_for(gone, later, "node1/membership")
    assert record(stack, preview=False, before=gone).changed_since(gone) == set()
    assert planned(stack, state_of(gone)) == ["nothing is done to any node"]
    assert impossible(several(directory, "node2 node3"), state_of(gone)) == []


@pytest.mark.parametrize(
    ("host", "what"),
    [("node3", "its member of etcd is removed and its node deleted"), ("node9", "its node is deleted")],
)
def test_a_machine_that_is_gone_in_the_middle_of_its_join_is_planned(
    host: str, what: str, directory: Path, three: Recording
) -> None:
    """Its half of a member, or its node, may be there: the same command takes it away."""
    early = Recording([each for each in three.resources if each.name != f"{host}/join"], {})
    stack = several(directory, THREE)
    stack["hosts"][host]["gone"] = True
    assert f"{host}: is gone: {what}; nothing connects to the machine" in planned(stack, state_of(early))
    gone = record(stack, preview=False, before=early)
    assert "IS_GONE=true" in gone.commands[f"{host}/membership"].inputs["stdin"]
    assert planned(stack, state_of(gone)) == ["nothing is done to any node"]


def test_a_machine_that_never_was_there_is_gone_without_a_change(directory: Path, three: Recording) -> None:
    """No command is about it, and nothing connects to it."""
    stack = several(directory, f"{THREE} node4")
    stack["hosts"]["node4"]["gone"] = True
    assert planned(stack, state_of(three)) == ["nothing is done to any node"]
    gone = record(stack, preview=False, before=three)
    assert gone.changed_since(three) == {"node4"}
    assert not [name for name in gone.commands if name.startswith("node4/")]


def test_members_that_are_gone_leave_before_anything_else_changes(without_first: Recording) -> None:
    """The votes of the others are a majority again."""
    for later in ("node2/join", "node3/join", "node8/membership"):
        assert waits_for(without_first, later, "node1/membership")


def test_a_new_machine_under_the_name_of_the_gone_first_joins(directory: Path, without_first: Recording) -> None:
    """It never initialises: that would be a second cluster."""
    stack = several(directory, THREE)
    stack["hosts"]["node1"]["hostKey"] = f"{KEY}99"
    back = record(stack, preview=False, before=without_first)
    assert "node1/init" not in back.commands
    assert steps_of("node1") <= set(back.commands)
    assert "INITIALISES=false" in back.commands["node1/prepare"].inputs["stdin"]
    assert sponsors(back)["node1"] == "node2"
    line = "node1: is prepared and joins as a control plane, Kubernetes 1.36.3"
    assert line in planned(stack, state_of(without_first))
    assert record(stack, preview=False, before=back).changed_since(back) == set()


def test_a_first_that_left_and_comes_back_joins(directory: Path, three: Recording) -> None:
    """Wherever its line stands."""
    rest = record(several(directory, "node2 node3"), preview=False, before=three)
    back = record(several(directory, THREE), preview=False, before=rest)
    assert steps_of("node1") <= set(back.commands)
    assert not [name for name in back.commands if name.endswith("/init")]


def test_a_host_that_began_to_initialise_goes_on(directory: Path) -> None:
    """Also where the first update failed at it, and the stack file names another one first now."""
    first = record(several(directory, THREE), preview=False)
    begun = Recording([each for each in first.resources if each.name.endswith("1/prepare")], {})
    again = record(several(directory, "node3 node2 node1"), preview=False, before=begun)
    assert [name for name in again.commands if name.endswith("/init")] == ["node1/init"]


def test_an_upgrade_goes_from_the_leader_to_the_others_and_then_to_workers(directory: Path) -> None:
    """One control plane at a time, each while the others serve."""
    before = record(several(directory, THREE, version="1.35.4"), preview=False)
    stack = several(directory, THREE)
    upgrade = record(stack, preview=False, before=before)
    leads = [name for name, each in upgrade.commands.items() if "LEADS=true" in each.inputs["stdin"]]
    assert leads == ["node1/init"]
    order = ["node1/init", "node2/join", "node3/join", "node8/join"]
    assert all(waits_for(upgrade, later, earlier) for earlier, later in itertools.pairwise(order))
    lines = [line for line in planned(stack, state_of(before)) if "upgraded" in line]
    assert len(lines) == 5
    assert all(line.endswith("the other control planes serve the API") for line in lines[:3])


def test_a_control_plane_joins_in_the_new_version_after_an_upgrade(directory: Path) -> None:
    """One edit may do both: it joins a cluster whose members have the version that it has."""
    before = record(several(directory, THREE, version="1.35.4"), preview=False)
    stack = several(directory, f"{THREE} node4")
    both = record(stack, preview=False, before=before)
    order = ["node1/init", "node2/join", "node3/join", "node4/membership", "node4/join", "node8/join"]
    assert all(waits_for(both, later, earlier) for earlier, later in itertools.pairwise(order))
    lines = planned(stack, state_of(before))
    assert "node4: is prepared and joins as a control plane, Kubernetes 1.36.3" in lines
    assert len([line for line in lines if "upgraded from 1.35.4 to 1.36.3" in line]) == 5


def test_a_hundred_hosts_have_three_control_planes(directory: Path) -> None:
    """Each host has its few commands, on the same sponsor."""
    stack = several(directory, THREE)
    stack["hosts"] |= {f"node{number}": host_line(f"node{number}", "worker") for number in range(4, 101)}
    run = record(stack, preview=True)
    assert len(run.commands) == 1 + 100 * 4
    assert {name for name, each in run.commands.items() if "LEADS=true" in each.inputs["stdin"]} == {"node1/init"}


@pytest.mark.parametrize("stdout", [None, "", "an answer that was cut off", "-----BEGIN CMS-----\nAA"])
def test_a_kubeconfig_that_the_state_lacks_is_made_anew_where_the_first_has_left(
    directory: Path, three: Recording, monkeypatch: pytest.MonkeyPatch, stdout: str | None
) -> None:
    """The leader joined, and the authority in its join is that of the cluster: `pulumi up --replace` is no dead end."""
    stack = several(directory, "node2 node3")
    left = record(stack, preview=False, before=three)
    there = recording.state_of(left.resources)
    (urn,) = [urn for urn in there if urn.endswith("/access/kubeconfig")]
    if stdout is None:
        del there[urn]
    else:
        there[urn]["outputs"]["stdout"] = stdout
    monkeypatch.setattr(recording, "state_of", lambda resources: there if resources else {})
    again = record(stack, preview=False, before=left)
    assert again.changed_since(left) <= {"access/kubeconfig"}
