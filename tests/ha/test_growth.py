"""A cluster of one control plane becomes one of three, and loses the first: what `.ci/run` runs of `make ha`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from local import cluster
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, kubelet, on_machine, stack
from tests.ha.pod import run_pod
from tests.ha.ways import check_planned, worker_and_pod

ENDPOINT = f"api.{HA.name}.internal"
WITHDRAWN = """
export LIBRARY=/usr/local/lib/pulumi-kubeadm/$(readlink /usr/local/lib/pulumi-kubeadm/current)
export HOST_NAME=node2 STEP=leave STATE=/var/lib/pulumi-kubeadm KUBECONFIG=/etc/kubernetes/admin.conf
for name in lib nodes kubeadm static_pods etcd endpoints; do . "$LIBRARY/lib/$name.sh"; done
withdraw_endpoint ADDRESS >&2
sleep 20 # an API server renews its lease each 10 s, and others look at the leases as often
kubectl get endpointslice kubernetes --output 'jsonpath={.endpoints[*].addresses[0]}'
finish_withdrawal ADDRESS >&2
"""
"""What another control plane does before the one at the address leaves, and after it; prints the endpoints between."""


@pytest.fixture(scope="module")
def grown() -> Iterator[HaCluster]:
    """A control plane and a worker, on machines that are there for this file."""
    cluster.take_down(stack(["node1"], [WORKER]))
    try:
        live = bring_up(["node1"], [WORKER])
        run_pod(live)
        yield live
    finally:
        cluster.take_down(stack(["node1"], [WORKER]))


def test_one_becomes_three(grown: HaCluster, say: Callable[[str], None]) -> None:
    """No request of a worker or a pod fails, no kubelet restarts, and each control plane has a vote."""
    before = kubelet(WORKER)
    grown.edit(hosts(["node1", "node2", "node3"], [WORKER]))
    with worker_and_pod(grown, "node1") as (of_worker, of_pod):
        grown.up()
    say(f"1 -> 3: {of_worker}; of a pod: {of_pod}")
    check_planned(of_worker, of_pod, ["node1", "node2", "node3"])
    assert kubelet(WORKER) == before
    assert grown.etcd_members("node1") == [("node1", True), ("node2", True), ("node3", True)]
    assert grown.ready_nodes() == {"node1", "node2", "node3", WORKER}


def test_each_machine_finds_the_api_on_its_own(grown: HaCluster) -> None:
    """A worker asks its load balancer, and so does its kube-proxy; a control plane asks itself."""
    wanted = {name: f"{HA.address(name)}\n" for name in ("node1", "node2", "node3")} | {WORKER: "127.0.0.1\n"}
    led_to = {name: on_machine(name, f"getent ahostsv4 {ENDPOINT} | awk 'NR == 1 {{print $1}}'") for name in wanted}
    assert led_to == wanted
    for name in wanted:
        uid = r"""$(crictl pods --name kube-proxy --state ready -o json | grep -m1 -oP '"uid": "\K[^"]+')"""
        pod = f"/var/lib/kubelet/pods/{uid}/etc-hosts"
        assert on_machine(name, f"awk '$2 == \"{ENDPOINT}\" {{print $1}}' {pod}") == led_to[name]


def test_what_a_join_needed_is_gone(grown: HaCluster) -> None:
    """No certificates in the cluster, no token, no key on a machine."""
    secrets = grown.kubectl("--namespace", "kube-system", "get", "secrets", "--output", "name")
    assert "kubeadm-certs" not in secrets
    assert "bootstrap-token" not in secrets
    assert on_machine("node2", "grep --recursive --files-with-matches certificateKey /etc /run || true") == ""


def test_nothing_to_do_dials_nothing(grown: HaCluster) -> None:
    """A second update changes nothing."""
    before = grown.logins()
    grown.up("--expect-no-changes")
    assert grown.logins() == before


def test_an_api_server_that_is_withdrawn_is_no_endpoint(grown: HaCluster) -> None:
    """It still serves, and would be one again after up to 10 s; it is one again where its machine did not leave."""
    found = on_machine("node2", WITHDRAWN.replace("ADDRESS", HA.address("node1")))
    assert set(found.split()) == {HA.address("node2"), HA.address("node3")}
    grown.wait_for_api_servers(["node1", "node2", "node3"])


def test_the_first_leaves(grown: HaCluster, say: Callable[[str], None]) -> None:
    """Its member of etcd is gone, its machine is reset, and no request of a worker or a pod fails."""
    grown.edit(hosts(["node2", "node3"], [WORKER]))
    before, started = grown.logins(), kubelet(WORKER)
    elections = grown.elections("node2")
    with worker_and_pod(grown, "node2") as (of_worker, of_pod):
        grown.up()
    moves = grown.elections("node2") - elections
    say(f"the first leaves: {of_worker}; of a pod: {of_pod}; {moves} elections; logins {grown.logins_since(before)}")
    check_planned(of_worker, of_pod, ["node1", "node2", "node3"], moves)
    assert kubelet(WORKER) == started
    assert grown.etcd_members("node2") == [("node2", True), ("node3", True)]
    assert grown.ready_nodes() == {"node2", "node3", WORKER}
    assert on_machine("node1", "ls /etc/kubernetes /var/lib/etcd /var/lib/kubelet | grep -v ':$' | xargs") == "\n"
    grown.up("--expect-no-changes")
