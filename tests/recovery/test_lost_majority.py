"""Two of three control planes are lost for good: the third goes on, and the two do no harm when they come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from local import cluster
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, on_machine, stack
from tests.ha.requests import requests
from tests.recovery.commands import machine, make

THREE = ["node1", "node2", "node3"]
KEPT, LOST = "node2", ["node1", "node3"]


@pytest.fixture(scope="module")
def three() -> Iterator[HaCluster]:
    """Three control planes and a worker."""
    cluster.take_down(stack(THREE, [WORKER]))
    try:
        yield bring_up(THREE, [WORKER])
    finally:
        cluster.take_down(stack(THREE, [WORKER]))


def test_nothing_is_recovered_while_a_majority_serves(three: HaCluster) -> None:
    """Nothing is changed."""
    before = three.etcd_members(KEPT)
    printed = make("recover", f"HOST={KEPT}")
    assert "expected an etcd without a majority of its members" in printed
    assert three.etcd_members(KEPT) == before


def test_one_of_three_goes_on(three: HaCluster, say: Callable[[str], None]) -> None:
    """Every write that was acknowledged is there, the old data are kept, and the stack is well again."""
    numbers = range(30)
    for number in numbers:
        three.kubectl("create", "configmap", f"write-{number}")
    machine("kill", *(HA.container(name) for name in LOST))
    began = time.monotonic()
    printed = make("recover", f"HOST={KEPT}")
    say(f"recovery of one of three: {time.monotonic() - began:.0f} s")
    assert "etcd goes on with this member alone" in printed, printed
    before, member = on_machine(KEPT, "ls /var/lib/etcd").split()
    assert (before.startswith("before-recovery-2"), member) == (True, "member")
    assert "force-new-cluster" not in on_machine(KEPT, "cat /etc/kubernetes/manifests/etcd.yaml")
    lines = hosts(THREE, [WORKER])
    three.edit({name: {**line, "gone": True} if name in LOST else line for name, line in lines.items()})
    three.up()
    there = three.kubectl("get", "configmaps", "--output", "name")
    assert [number for number in numbers if f"configmap/write-{number}\n" not in there] == []
    assert three.etcd_members(KEPT) == [(KEPT, True)]
    assert three.ready_nodes() == {KEPT, WORKER}
    three.up("--expect-no-changes")


def test_the_lost_ones_do_no_harm_when_they_come_back(three: HaCluster, say: Callable[[str], None]) -> None:
    """They are a majority of the old cluster; no request of a worker reaches them."""
    three.kubectl("create", "configmap", "after-recovery")
    with requests(KEPT) as asked:
        machine("start", *(HA.container(name) for name in LOST))
        time.sleep(90)
    say(f"the lost ones are back: {asked}")
    assert not asked.failed, asked.failed[:10]
    assert "after-recovery" in three.kubectl("get", "configmaps", "--output", "name")
    assert three.ready_nodes() == {KEPT, WORKER}
