"""Machines that die, that another stack wants, that two people change at once, and that are given back."""

from __future__ import annotations

import dataclasses
import getpass
import json
import shutil

import pytest

from local import cluster, machines
from local.paths import STATE
from local.stack import PROJECT, LocalStack
from problem import StepError
from tests.e2e.conftest import E2E, STACK, Cluster, configure, failure, machine_names, on_machine
from tests.e2e.watching import begun, kill, node_names, until

FIRST, SECOND, THIRD = machine_names()


def test_a_machine_that_is_gone_leaves_the_cluster_without_a_visit(live: Cluster) -> None:
    """With the labels that it had; and another one comes back under its name and address, and gets them."""
    configure("set", "--path", f"hosts.{THIRD}.labels.zone", "west")
    live.stack.up()
    machines.delete_machine(E2E, THIRD)
    configure("set", "--path", f"hosts.{THIRD}.gone", "true")
    live.stack.up()
    assert [node["metadata"]["name"] for node in live.get("nodes")["items"]] == [FIRST, SECOND]
    live.stack.up(None, "--expect-no-changes")
    machines.create(E2E)
    configure("rm", "--path", f"hosts.{THIRD}.gone")
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert live.get("node", THIRD)["metadata"]["labels"]["zone"] == "west"
    configure("rm", "--path", f"hosts.{THIRD}.labels")
    live.stack.up()
    assert "zone" not in live.get("node", THIRD)["metadata"]["labels"]
    live.stack.up(None, "--expect-no-changes")


def test_a_second_stack_on_the_same_machines_is_refused_with_the_cluster_of_the_first(live: Cluster) -> None:
    """Before anything is changed."""
    second = LocalStack(dataclasses.replace(E2E, name="second"), STACK.source)
    # What an earlier run of this test left would be taken for a stack that is there.
    shutil.rmtree(second.environment.directory, ignore_errors=True)
    second.environment.directory.mkdir(mode=0o700)
    second.configure(live.access)
    with pytest.raises(StepError) as error:
        second.up()
    owner = live.on(FIRST, "cat /var/lib/pulumi-kubeadm/owner")
    assert f"{FIRST}: prepare: expected a machine of cluster e2e (" in str(error.value)
    assert f"saw it belongs to cluster e2e ({owner})" in str(error.value)
    second.pulumi("stack", "rm", "--yes", "--force", "--preserve-config", "second", step="remove the stack")
    assert node_names(live) == [FIRST, SECOND, THIRD]


def test_a_second_operator_is_refused_while_the_first_one_works(live: Cluster) -> None:
    """With the name of the first; nothing of the second is done."""
    live.on(THIRD, "mkdir -p /run/pulumi-kubeadm; nohup flock /run/pulumi-kubeadm/lock sleep 30 >/dev/null 2>&1 &")
    configure("set", "--path", f'hosts.{THIRD}.sysctl["vm.dirty_ratio"]', "31")
    first = begun("up")
    until(lambda: bool(locks()) or first.poll() is not None)
    (holder,) = locks()
    seen = failure()
    assert "the stack is currently locked" in seen
    assert f"created by {getpass.getuser()}@" in seen
    assert f"(pid {holder['pid']})" in seen
    assert first.wait(timeout=120) == 0
    assert live.on(THIRD, "sysctl --values vm.dirty_ratio") == "31\n"
    live.stack.up(None, "--expect-no-changes")


def test_machines_are_reset_by_a_destroy_that_was_cut_short_and_carry_a_new_cluster_afterwards(live: Cluster) -> None:
    """Without a drain."""
    configure("set", "--path", "policy.resetOnDestroy", "true")
    live.stack.up()
    destroy = begun("destroy")
    until(lambda: any(map(is_reset, machine_names())) or destroy.poll() is not None, seconds=300)
    kill(destroy)
    live.stack.destroy()
    for machine in machine_names():
        assert live.on(machine, "find /etc/kubernetes /var/lib/etcd -mindepth 1") == ""
        assert is_reset(machine)
    configure("rm", "--path", "policy.resetOnDestroy")
    cluster.bring_up(STACK, live.access)
    assert node_names(live) == [FIRST, SECOND, THIRD]


def locks() -> list[dict[str, object]]:
    """What Pulumi wrote down of those that change the stack now."""
    found = (STATE / "pulumi-state").rglob(f"locks/**/{PROJECT}/{E2E.name}/*.json")
    return [json.loads(lock.read_text()) for lock in found]


def is_reset(machine: str) -> bool:
    """Whether nothing says any more that a machine belongs to a stack."""
    return on_machine(machine, "ls /var/lib/pulumi-kubeadm 2>/dev/null || true") == ""
