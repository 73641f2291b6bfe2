"""Three control planes with a virtual address, and a worker: an upgrade in which a machine dies, and other changes.

Asked are the name of the endpoint on the worker, the service `kubernetes` in a pod, and the virtual address.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from local import cluster, machines
from local.mirror import KUBERNETES
from problem import StepError
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, etcdctl_script, hosts, on_machine, stack, until
from tests.ha.pod import run_pod
from tests.ha.power import cut_power, failing_update, give_power
from tests.ha.requests import requests
from tests.ha.vip import SERVER, VIP, check, held, holders, only_holder, watch
from tests.ha.ways import all_ways, check_planned
from tests.recovery.commands import make

OLD = "1.35.4"
THREE = ["node1", "node2", "node3"]
NEW, SECOND_WORKER = "node5", "node6"
LONGEST_SECONDS = 10
"""How long a request of this test may take."""
OWN_KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
"""kubectl of a control plane, which asks its own API server."""
READ_CANARY = "get secret canary --output 'jsonpath={.data.password}'"
ENDPOINT_SECONDS = 25
"""Until the service `kubernetes` has lost a dead API server: its lease ends after 15 s, and others look every 10 s."""
POD_LIMIT = ENDPOINT_SECONDS * 5 // 3
"""Requests of a pod that may fail where a machine dies: meanwhile one of three goes to it, of five a second."""


@pytest.fixture(scope="module")
def three() -> Iterator[HaCluster]:
    """Three control planes of an older version with a virtual address, a worker, and a pod on it."""
    cluster.take_down(stack(THREE, [WORKER], OLD))
    try:
        live = bring_up(THREE, [WORKER], OLD, vip={"address": VIP})
        run_pod(live)
        yield live
    finally:
        cluster.take_down(stack(THREE, [WORKER], OLD))


def control_planes(live: HaCluster) -> list[str]:
    """Names of those that are Ready."""
    return sorted(live.ready_nodes() - {WORKER, SECOND_WORKER})


def versions(live: HaCluster) -> dict[str, str]:
    """Version of the kubelet of each node."""
    nodes = json.loads(live.kubectl("get", "nodes", "--output", "json"))["items"]
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}


def api_server(name: str) -> str:
    """The container of the API server of a control plane."""
    return on_machine(name, "crictl ps --quiet --name '^kube-apiserver$'")


def upgraded(names: list[str]) -> dict[str, str]:
    """The API server of each control plane whose upgrade went to its end."""
    mark = "cat /var/lib/pulumi-kubeadm/control-plane-version || true"
    return {name: api_server(name) for name in names if on_machine(name, mark) == KUBERNETES}


def test_three_come_up_at_once(three: HaCluster, say: Callable[[str], None]) -> None:
    """Each has a vote, one has the address, which the kubeconfig names, and a second update dials nobody."""
    assert three.etcd_members("node3") == [(name, True) for name in THREE]
    assert three.ready_nodes() == {*THREE, WORKER}
    three.wait_for_api_servers(THREE)
    kubeconfig = yaml.safe_load((HA.directory / "kubeconfig").read_text())
    assert kubeconfig["clusters"][0]["cluster"]["server"] == SERVER
    only_holder(THREE)
    before, began = three.logins(), time.monotonic()
    three.up("--expect-no-changes")
    say(f"nothing to do: {time.monotonic() - began:.0f} s")
    assert three.logins() == before


def test_the_leader_of_etcd_dies_while_another_control_plane_is_upgraded(
    three: HaCluster, say: Callable[[str], None]
) -> None:
    """No write that was acknowledged is lost, the update explains itself, and the next one does nothing twice."""
    three.edit(hosts(THREE, [WORKER]), kubernetesVersion=KUBERNETES)
    drained = f"{OWN_KUBECTL} get node node1 --output jsonpath={{.spec.unschedulable}}"
    with requests() as results, failing_update(three) as messages:
        on_machine("node1", f"until [[ $({drained}) == true ]]; do sleep 0.2; done", 900)
        leader, died = three.leader("node1"), time.time()
        cut_power(leader)
    silence = results.silence(died)
    say(f"{leader}, which leads etcd, dies while node1 is upgraded: {results}; no write for {silence:.1f} s")
    assert leader != "node1", "it hands over before its etcd restarts"
    assert [each for each in results.failed if each.ended < died] == []
    assert silence <= 30
    written = three.kubectl("get", "configmap", results.name, "--output", "jsonpath={.data.number}")
    assert int(written) >= results.written
    assert f"{leader}: " in messages[0] or "expected all other control planes to be well" in messages[0], messages
    done = upgraded([name for name in THREE if name != leader])
    give_power()
    until(lambda: three.ready_nodes() == {*THREE, WORKER}, 180)
    watch(THREE)
    elections = three.elections("node1")
    with all_ways(three, "node1") as (of_worker, of_pod, by_address):
        three.up()
    moves = three.elections("node1") - elections
    say(f"upgrade of the others {OLD} -> {KUBERNETES}: {of_worker}; {moves} elections")
    say(f"… of a pod: {of_pod}; by the virtual address: {by_address}")
    assert versions(three) == dict.fromkeys([*THREE, WORKER], f"v{KUBERNETES}")
    assert {name: api_server(name) for name in done} == done
    check_planned(of_worker, of_pod, THREE, moves)
    check(by_address, THREE)
    three.up("--expect-no-changes")


def test_a_worker_that_comes_concerns_one_other_machine(three: HaCluster) -> None:
    """The control plane that invites it."""
    three.edit(hosts(THREE, [WORKER, SECOND_WORKER]))
    before = three.logins()
    three.up()
    visits = three.logins_since(before)
    assert {name: visits[name] for name in [*THREE, WORKER]} == {"node1": 1, "node2": 0, "node3": 0, WORKER: 0}
    assert SECOND_WORKER in three.ready_nodes()


def test_new_arguments_keys_and_certificates_lose_no_request(three: HaCluster, say: Callable[[str], None]) -> None:
    """Each control plane restarts, one after the other; the address leaves a machine before. Each reads Secrets."""
    watch(THREE)
    three.kubectl("create", "secret", "generic", "canary", "--from-literal=password=canary")
    arguments = [{"name": "tls-min-version", "value": "VersionTLS13"}]
    three.make_key("k1Key")
    three.edit(
        hosts(THREE, [WORKER, SECOND_WORKER]),
        clusterConfiguration={"apiServer": {"extraArgs": arguments}},
        certificateGeneration=1,
        encryption={"keys": [{"name": "k1", "secret": "k1Key"}]},
        audit={"maxAge": 7},
    )
    elections = three.elections("node1")
    with all_ways(three, "node1") as (of_worker, of_pod, by_address):
        three.up()
    moves = three.elections("node1") - elections
    say(f"new arguments, keys, audit log and certificates: {of_worker}; {moves} elections")
    say(f"… of a pod: {of_pod}; by the virtual address: {by_address}")
    for name in THREE:
        assert "VersionTLS13" in on_machine(name, "cat /etc/kubernetes/manifests/kube-apiserver.yaml")
        assert base64.b64decode(on_machine(name, f"{OWN_KUBECTL} {READ_CANARY}")) == b"canary"
        assert '"name":"canary"' in on_machine(name, "grep secrets /var/log/kubernetes/audit/audit.log")
    stored = etcdctl_script("127.0.0.1", "get --print-value-only /registry/secrets/default/canary")
    assert "k8s:enc:secretbox:v1:k1" in on_machine(
        "node1", f"{stored} | grep --text --only-matching 'k8s:enc[:a-z0-9]*'"
    )
    assert len([name for name in THREE if held(name)]) > 1, "the address has moved"
    check_planned(of_worker, of_pod, THREE, moves)
    check(by_address, THREE)


def test_one_edit_replaces_the_machine_that_has_the_address(three: HaCluster, say: Callable[[str], None]) -> None:
    """The new one has joined before the old one leaves, and the others do not take the address before that."""
    holder = only_holder(THREE)
    rest = [name for name in THREE if name != holder]
    watch([*THREE, NEW])
    three.edit(hosts([*rest, NEW], [WORKER, SECOND_WORKER]))
    elections = three.elections(rest[0])
    with all_ways(three, rest[0]) as (of_worker, of_pod, by_address):
        three.up()
    moves = three.elections(rest[0]) - elections
    say(f"{holder}, which has the virtual address, is replaced by {NEW}: {of_worker}; {moves} elections")
    say(f"… of a pod: {of_pod}; by the virtual address: {by_address}")
    assert three.etcd_members(rest[0]) == [(name, True) for name in sorted([*rest, NEW])]
    three.wait_for_api_servers([*rest, NEW])
    assert only_holder([*rest, NEW]) != holder
    assert holders([holder]) == []
    assert on_machine(holder, "find /etc /run -ignore_readdir_race -name 'kubernetes-vip*'") == ""
    check_planned(of_worker, of_pod, [*rest, NEW], moves)
    check(by_address, [*THREE, NEW])
    three.up("--expect-no-changes")


def test_the_machine_that_has_the_address_dies_and_comes_back_as_a_new_one(
    three: HaCluster, say: Callable[[str], None]
) -> None:
    """What people use goes on. Nothing dials the dead machine, and its successor joins."""
    members = control_planes(three)
    dead = only_holder(members)
    living = [name for name in members if name != dead]
    watch(living)
    ready = three.ready_since()
    with all_ways(three, living[0]) as (of_worker, of_pod, by_address):
        died = time.time()
        machines.delete_machine(HA, dead)
        time.sleep(60)
    say(f"{dead}, which has the virtual address, dies: {of_worker}")
    say(f"… of a pod: {of_pod}; by the virtual address: {by_address}")
    assert len(of_worker.failed) <= 15, of_worker.failed
    assert len(of_pod.failed) <= POD_LIMIT, of_pod.failed
    assert [each for each in of_pod.failed if each.began > died + ENDPOINT_SECONDS + LONGEST_SECONDS] == []
    check(by_address, living)
    assert {name: three.ready_since().get(name) for name in (WORKER, SECOND_WORKER)} == {
        name: ready[name] for name in (WORKER, SECOND_WORKER)
    }
    for command in ("status", "drift"):
        printed = make(command)
        assert dead in printed, printed
        assert "Traceback" not in printed, printed
    lines = hosts(members, [WORKER, SECOND_WORKER])
    three.edit({**lines, dead: {**lines[dead], "gone": True}})
    with requests(living[0]) as results:
        three.up()
    say(f"{dead} is declared gone: {results}")
    assert three.etcd_members(living[0]) == [(name, True) for name in living]
    assert three.ready_nodes() == {*living, WORKER, SECOND_WORKER}
    assert not results.failed, results.failed[:20]
    give_power()
    three.edit(lines)
    three.up()
    assert three.etcd_members(living[0]) == [(name, True) for name in members]


def test_a_lost_majority_is_reported(three: HaCluster) -> None:
    """Nothing is changed, and the message names the page."""
    members = control_planes(three)
    lines = hosts(members, [WORKER, SECOND_WORKER])
    lost = members[1:]
    for name in lost:
        machines.cut_off(HA, name)
    three.edit({name: {**line, "gone": True} if name in lost else line for name, line in lines.items()})
    try:
        with pytest.raises(StepError) as error:
            three.up()
        # The warning of the preview is among the diagnostics, too, and names no page.
        assert "docs/how-to/lost-majority.md" in str(error.value), str(error.value)
    finally:
        for name in lost:
            machines.reconnect(HA, name)
