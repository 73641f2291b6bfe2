"""What a change of the stack file changes, and nothing else: each preview names exactly these resources."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.host_files import File
from components.steps.stdin import inputs_of
from tests.unit.support import recording
from tests.unit.support.planning import ADDRESSES
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import KEY, Stack

Change = Callable[[Stack], Any]


@pytest.fixture(scope="module")
def before(directory: Path) -> Recording:
    """One control plane and two workers, up."""
    return record(stack_of(directory, "node2", "node3"), preview=False)


def after(directory: Path, before: Recording, change: Change, *workers: str) -> Recording:
    """The preview of a changed stack file."""
    stack = stack_of(directory, *(workers or ("node2", "node3")))
    change(stack)
    return record(stack, preview=False, before=before)


def names(hosts: str, *steps: str) -> set[str]:
    """Commands of hosts."""
    return {f"{host}/{step}" for host, step in itertools.product(hosts.split(), steps)}


def section(name: str, **values: Any) -> Change:
    """Set keys of a section."""
    return lambda stack: stack.setdefault(name, {}).update(values)


def host(name: str, **values: Any) -> Change:
    """Set keys of a host."""
    return lambda stack: stack["hosts"][name].update(values)


def shared_files(run: Recording) -> dict[str, str]:
    """The content of the files that hosts share, which the state keeps once."""
    (stash,) = [each for each in run.of_type("pulumi:index:Stash") if each.name == FILES]
    contents: dict[str, str] = stash.inputs["input"]
    return contents


def hosts_file(run: Recording, name: str) -> str:
    """The names that a host gets."""
    digest = inputs_of(run.commands[f"{name}/prepare"].inputs["stdin"]).shared["/etc/hosts"]
    return next(text for path, text in shared_files(run).items() if File(path, text).digest == digest)


FILES = "host-files"
KUBECONFIG = "access/kubeconfig"
ALL = "node1 node2 node3"
CHANGES: dict[str, tuple[Change, set[str]]] = {
    "nothing": (lambda _: None, set()),
    "a sysctl": (section("system", sysctl={"vm.swappiness": 1}), {FILES, *names(ALL, "prepare")}),
    "a sysctl of one host": (host("node2", sysctl={"vm.overcommit_memory": 1}), {"node2/prepare"}),
    "an image mirror": (
        lambda stack: stack["containerd"]["registries"]["docker.io"].update(mirrors=["https://other.example.com"]),
        {FILES, *names(ALL, "prepare")},
    ),
    "labels": (host("node2", labels={"zone": "a"}), {"node2"}),
    "taints": (
        host("node2", taints=[{"key": "gpu", "effect": "NoSchedule"}]),
        names("node2", "prepare", "membership"),
    ),
    "taints of the control plane": (
        section("cluster", controlPlaneTaints=[]),
        names("node1", "prepare", "init"),
    ),
    "arguments of the API server": (
        section("cluster", clusterConfiguration={"apiServer": {"extraArgs": [{"name": "v", "value": "4"}]}}),
        names("node1", "prepare", "init"),
    ),
    "the kubelet's configuration": (
        section("cluster", kubeletConfiguration={"maxPods": 50}),
        {"node1/prepare", "node1/init", "node2/join", "node3/join"},
    ),
    "the generation of certificates": (
        section("cluster", certificateGeneration=1),
        {"node1/init", KUBECONFIG},
    ),
    "the host key of a worker": (host("node2", hostKey=f"{KEY}99"), names("node2", "prepare", "images", "join")),
    # Pods of the DaemonSet read the ConfigMap when they start.
    "the MTU of the pod network": (
        section("calico", mtu=1400),
        {"ConfigMap:kube-system/calico-config", "DaemonSet:kube-system/calico-node"},
    ),
    # The pool, which is in no manifest, is changed from the control plane.
    "the encapsulation of the pod network": (
        section("calico", vxlanMode="CrossSubnet"),
        {"node1/init", "DaemonSet:kube-system/calico-node"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_touches_exactly_these_resources(directory: Path, before: Recording, what: str) -> None:
    """The rest of the preview is empty."""
    change, expected = CHANGES[what]
    assert after(directory, before, change).changed_since(before) == expected


def test_a_new_worker_is_all_that_changes(directory: Path, before: Recording) -> None:
    """No command on any other host, no object but the list of addresses; one file of names that it alone gets."""
    larger = record(stack_of(directory, "node2", "node3", "node4"), preview=False, before=before)
    assert larger.changed_since(before) == {
        "node4",
        FILES,
        ADDRESSES,
        *names("node4", "prepare", "images", "membership", "join"),
    }
    assert "192.0.2.12\tnode2\n" in hosts_file(larger, "node4")
    added = shared_files(larger).keys() - shared_files(before).keys()
    assert [path.split()[0] for path in added] == ["/etc/hosts"]


def test_a_host_learns_of_a_new_one_when_something_else_changes_on_it(directory: Path, before: Recording) -> None:
    """Its list of names follows, once it is touched anyway."""
    stack = stack_of(directory, "node2", "node3", "node4")
    larger = record(stack, preview=False, before=before)
    stack["hosts"]["node2"]["sysctl"] = {"vm.overcommit_memory": 1}
    touched = record(stack, preview=False, before=larger)
    assert touched.changed_since(larger) == {"node2/prepare"}
    assert "192.0.2.14\tnode4\n" in hosts_file(touched, "node2")
    assert "192.0.2.14\tnode4\n" not in hosts_file(touched, "node3")


def test_a_file_whose_content_the_state_lost_is_given_anew(directory: Path, before: Recording) -> None:
    """An update that ended early has left the new content in the state, and hosts with the old one."""
    lost = Recording([each for each in before.resources if each.name != FILES], {})
    again = record(stack_of(directory, "node2", "node3", "node4"), preview=False, before=lost)
    assert {FILES, *names(ALL, "prepare")} <= again.changed_since(lost)
    assert "192.0.2.14\tnode4\n" in hosts_file(again, "node1")


def test_a_worker_that_leaves_is_all_that_changes(directory: Path, before: Recording) -> None:
    """Its resources go; nothing else is touched."""
    smaller = record(stack_of(directory, "node2"), preview=False, before=before)
    assert smaller.changed_since(before) == {
        "node3",
        ADDRESSES,
        *names("node3", "prepare", "images", "membership", "join"),
    }


def test_a_rotated_ssh_key_changes_only_what_may_have_to_undo_something(
    directory: Path, before: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those run over the stored connection one day. Passwords are secret, so their command cannot be compared."""
    monkeypatch.setattr(recording, "PRIVATE_KEY", "another key")
    other = record(stack_of(directory, "node2", "node3"), preview=False, before=before)
    assert other.changed_since(before) == {*names("node2 node3", "prepare", "membership"), *names(ALL, "images")}


def test_another_port_of_the_control_plane_makes_no_new_kubeconfig(directory: Path, before: Recording) -> None:
    """A new kubeconfig revokes every copy of the one before."""
    changed = after(directory, before, host("node1", port=2222)).changed_since(before)
    assert {"node1/prepare", "node1/init"} <= changed
    assert KUBECONFIG not in changed


def test_the_ssh_agent_of_another_session_changes_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is somewhere else each time that a person logs in."""
    stack = stack_of(directory, "node2")
    del stack["ssh"]["privateKeyFile"]
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/ssh-first/agent.1")  # nobody opens it
    first = record(stack, preview=False)
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/ssh-second/agent.2")
    assert record(stack, preview=False, before=first).changed_since(first) == set()


def test_a_new_registry_password_changes_only_its_command_on_each_host(
    directory: Path, before: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the image pull secret."""
    monkeypatch.setattr(recording, "PASSWORD", "another password")
    other = record(stack_of(directory, "node2", "node3"), preview=False, before=before)
    assert other.changed_since(before) == {*names(ALL, "images"), "shop/registry-credentials"}


def test_a_token_that_was_not_used_is_made_anew(directory: Path, before: Recording) -> None:
    """The join failed and its token expired: a plain `pulumi up` mints another one."""
    half = Recording([each for each in before.resources if each.name != "node3/join"], {})
    again = record(stack_of(directory, "node2", "node3"), preview=False, before=half)
    assert again.changed_since(half) == {"node3/membership", "node3/join"}


def test_a_host_that_is_gone_leaves_the_cluster_and_is_never_visited(directory: Path, before: Recording) -> None:
    """The control plane takes its node away; the rest is kept as it is, and dropped later without a visit."""
    without = after(directory, before, host("node3", gone=True))
    assert without.changed_since(before) == {"node3/membership", ADDRESSES}
    kept = [without.commands[name].request for name in names("node3", "prepare", "images", "join")]
    assert all(each.retainOnDelete for each in kept)


def test_a_machine_that_comes_back_under_the_name_of_a_gone_one_joins(directory: Path, before: Recording) -> None:
    """With its new host key, or with the same one."""
    without = after(directory, before, host("node3", gone=True))
    back = after(directory, without, host("node3", hostKey=f"{KEY}99"))
    assert back.changed_since(without) == {ADDRESSES, *names("node3", "prepare", "images", "membership", "join")}
    assert "stdin" not in back.commands["node3/join"].request.ignoreChanges
    # Clones of one machine have one key; what lets it join is a new token, which is always the same one here.
    assert after(directory, without, host("node3")).changed_since(without) == {
        ADDRESSES,
        *names("node3", "prepare", "images", "membership"),
    }


def test_workers_are_upgraded_one_after_the_other_and_after_the_control_plane(directory: Path) -> None:
    """A new one joins in the new version, and waits for nobody's turn."""
    before = record(stack_of(directory, "node2", "node3", version="1.35.4"), preview=False)
    upgrade = record(stack_of(directory, "node2", "node3", "node4", version="1.36.3"), preview=False, before=before)
    urns = {each.name: each.urn for each in upgrade.resources}
    assert urns["node1/init"] in upgrade.commands["node2/membership"].request.dependencies
    assert urns["node2/join"] in upgrade.commands["node3/membership"].request.dependencies
    assert not {urns["node2/join"], urns["node3/join"]} & set(upgrade.commands["node4/join"].request.dependencies)
    changed = upgrade.changed_since(before)
    assert {"node1/init", *names("node2 node3", "membership", "join")} <= changed
    assert KUBECONFIG not in changed


@pytest.mark.parametrize(("at_once", "waits"), [(1, {"node3", "node4"}), (2, {"node4"}), (3, set())])
def test_no_more_workers_are_upgraded_at_a_time_than_the_policy_says(
    directory: Path, at_once: int, waits: set[str]
) -> None:
    """Each further one waits for the one before it by as many places."""
    workers = ("node2", "node3", "node4")
    before = record(stack_of(directory, *workers, version="1.35.4"), preview=False)
    stack = stack_of(directory, *workers, version="1.36.3") | {"policy": {"maxUnavailable": at_once}}
    upgrade = record(stack, preview=False, before=before)
    joins = {each.urn for name, each in upgrade.commands.items() if name.endswith("/join")}
    found = {
        name.removesuffix("/membership")
        for name, each in upgrade.commands.items()
        if name.endswith("/membership") and joins & set(each.request.dependencies)
    }
    assert found == waits


def test_a_token_that_never_expires_is_a_secret_in_the_state(directory: Path) -> None:
    """The cluster writes it into the object, so no input of the program is it."""
    account = {"name": "robot", "namespace": "ci", "longLivedToken": True}
    found = record(stack_of(directory, "node2") | {"access": {"serviceAccounts": [account]}}, preview=False)
    (token,) = [each for each in found.resources if each.name.endswith("/robot-token")]
    assert "data" in token.request.additionalSecretOutputs
