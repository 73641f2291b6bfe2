"""Three control planes and a worker: an upgrade, new arguments, a machine that dies, and one that replaces another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from local import cluster, machines
from local.mirror import KUBERNETES
from problem import StepError
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, on_machine, stack
from tests.ha.requests import requests

OLD = "1.35.4"
THREE = ["node1", "node2", "node3"]
NEW = "node5"
DEAD = "node1"


@pytest.fixture(scope="module")
def three() -> Iterator[HaCluster]:
    """Three control planes and a worker of an older version."""
    cluster.take_down(stack(THREE, [WORKER], OLD))
    try:
        yield bring_up(THREE, [WORKER], OLD)
    finally:
        cluster.take_down(stack(THREE, [WORKER], OLD))


def versions(live: HaCluster) -> dict[str, str]:
    """Version of the kubelet of each node."""
    nodes = json.loads(live.kubectl("get", "nodes", "--output", "json"))["items"]
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}


def test_three_come_up_at_once(three: HaCluster) -> None:
    """Each has a vote, and a second update dials nobody."""
    assert three.etcd_members("node3") == [(name, True) for name in THREE]
    assert three.ready_nodes() == {*THREE, WORKER}
    before = three.logins()
    three.up("--expect-no-changes")
    assert three.logins() == before


def test_an_upgrade_loses_no_request(three: HaCluster, say: Callable[[str], None]) -> None:
    """One control plane at a time, while the others serve."""
    three.edit(hosts(THREE, [WORKER]), kubernetesVersion=KUBERNETES)
    began = time.monotonic()
    with requests() as asked:
        three.up()
    say(f"upgrade {OLD} -> {KUBERNETES}: {time.monotonic() - began:.0f} s, {asked}")
    assert versions(three) == dict.fromkeys([*THREE, WORKER], f"v{KUBERNETES}")
    assert not asked.failed, asked.failed[:20]


def test_new_arguments_and_certificates_lose_no_request(three: HaCluster, say: Callable[[str], None]) -> None:
    """Each control plane restarts, one after the other."""
    arguments = [{"name": "tls-min-version", "value": "VersionTLS13"}]
    three.edit(
        hosts(THREE, [WORKER]),
        clusterConfiguration={"apiServer": {"extraArgs": arguments}},
        certificateGeneration=1,
    )
    with requests() as asked:
        three.up()
    say(f"new arguments and certificates: {asked}")
    for name in THREE:
        assert "VersionTLS13" in on_machine(name, "cat /etc/kubernetes/manifests/kube-apiserver.yaml")
    assert not asked.failed, asked.failed[:20]


def test_one_machine_replaces_another_in_one_edit(three: HaCluster, say: Callable[[str], None]) -> None:
    """The new one has joined before the old one leaves."""
    three.edit(hosts(["node1", "node2", NEW], [WORKER]))
    with requests() as asked:
        three.up()
    say(f"node3 is replaced by {NEW}: {asked}")
    assert three.etcd_members("node1") == [("node1", True), ("node2", True), (NEW, True)]
    assert not asked.failed, asked.failed[:20]


def test_a_dead_machine_is_taken_out_and_comes_back_as_a_new_one(three: HaCluster, say: Callable[[str], None]) -> None:
    """The first one, which the kubeconfig named. Nothing dials it, and its successor joins."""
    living = ["node2", NEW]
    with requests() as asked:
        machines.delete_machine(HA, DEAD)
        time.sleep(60)
    say(f"{DEAD} dies: {asked}")
    assert len(asked.failed) <= 15, asked.failed
    lines = hosts([DEAD, *living], [WORKER])
    three.edit({**lines, DEAD: {**lines[DEAD], "gone": True}})
    with requests("node2") as asked:
        three.up()
    say(f"{DEAD} is declared gone: {asked}")
    assert three.etcd_members("node2") == [("node2", True), (NEW, True)]
    assert three.ready_nodes() == {*living, WORKER}
    assert not asked.failed, asked.failed[:20]
    machines.create(HA)
    three.edit(lines)
    three.up()
    assert three.etcd_members("node2") == [(DEAD, True), ("node2", True), (NEW, True)]


def test_a_majority_that_is_lost_is_told(three: HaCluster) -> None:
    """Nothing is changed, and the message names the page."""
    lines = hosts([DEAD, "node2", NEW], [WORKER])
    for name in ("node2", NEW):
        machines.cut_off(HA, name)
    three.edit({**lines, NEW: {**lines[NEW], "gone": True}, "node2": {**lines["node2"], "gone": True}})
    try:
        with pytest.raises(StepError) as error:
            three.up()
        assert "majority" in str(error.value)
    finally:
        for name in ("node2", NEW):
            machines.reconnect(HA, name)
