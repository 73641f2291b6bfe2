"""Three control planes behind a load balancer of the owner's, by a name that is the owner's too.

The first leaves, and comes back.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from local import cluster
from tests.ha.balancer import LOOK_SECONDS, Balancer, balancing
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, on_machine, stack
from tests.ha.requests import requests
from tests.ha.ways import check_failed

THREE = ["node1", "node2", "node3"]
PORT = 7443
NAME = socket.gethostname().lower()
"""The name of this host, which knows itself by it: people use the load balancer, too."""
SERVER = f"https://{NAME}:{PORT}"


def name_balancer() -> None:
    """Each machine knows the name, as from the name servers of the owner."""
    for machine in HA.machines:
        on_machine(machine, f"printf '%s %s\\n' {HA.gateway} {NAME} >>/etc/hosts")


@pytest.fixture(scope="module")
def balancer() -> Iterator[Balancer]:
    """The load balancer."""
    with balancing(Balancer(PORT, [HA.address(name) for name in THREE])) as made:
        yield made


@pytest.fixture(scope="module")
def behind(balancer: Balancer) -> Iterator[HaCluster]:
    """Three control planes and a worker."""
    cluster.take_down(stack(THREE, [WORKER]))
    settings = {"controlPlaneEndpoint": f"{NAME}:{PORT}", "loadBalancer": "external"}
    try:
        yield bring_up(THREE, [WORKER], before=name_balancer, **settings)
    finally:
        cluster.take_down(stack(THREE, [WORKER]))


def test_everybody_finds_the_api_by_the_load_balancer(behind: HaCluster) -> None:
    """Nodes and people; no worker has one of its own, and a second update dials nobody."""
    assert behind.etcd_members("node2") == [(name, True) for name in THREE]
    assert behind.ready_nodes() == {*THREE, WORKER}
    kubeconfig = yaml.safe_load((HA.directory / "kubeconfig").read_text())
    assert kubeconfig["clusters"][0]["cluster"]["server"] == SERVER
    assert SERVER in on_machine(WORKER, "cat /etc/kubernetes/kubelet.conf")
    assert SERVER in on_machine("node2", "cat /etc/kubernetes/admin.conf")
    assert on_machine(WORKER, "systemctl is-active kubernetes-api-haproxy || true") == "inactive\n"
    before = behind.logins()
    behind.up("--expect-no-changes")
    assert behind.logins() == before


def test_new_arguments_lose_no_request(behind: HaCluster, say: Callable[[str], None]) -> None:
    """The load balancer sees that an API server is about to end before it ends."""
    arguments = [{"name": "tls-min-version", "value": "VersionTLS13"}]
    behind.edit(hosts(THREE, [WORKER]), clusterConfiguration={"apiServer": {"extraArgs": arguments}})
    elections = behind.elections("node1")
    with requests(server=SERVER) as results:
        behind.up()
    moves = behind.elections("node1") - elections
    say(f"new arguments of three, behind a load balancer of the owner's: {results}; {moves} elections")
    check_failed(results, moves)


def test_the_first_leaves(behind: HaCluster, balancer: Balancer, say: Callable[[str], None]) -> None:
    """Once the load balancer does not send anything to it any more."""
    balancer.behind = [HA.address(name) for name in THREE[1:]]
    time.sleep(2 * LOOK_SECONDS)
    behind.edit(hosts(THREE[1:], [WORKER]))
    elections = behind.elections("node2")
    with requests("node2", SERVER) as results:
        behind.up()
    moves = behind.elections("node2") - elections
    say(f"the first leaves, behind a load balancer of the owner's: {results}; {moves} elections")
    check_failed(results, moves)
    assert behind.etcd_members("node2") == [(name, True) for name in THREE[1:]]
    assert behind.ready_nodes() == {*THREE[1:], WORKER}
    behind.up("--expect-no-changes")


def test_the_first_comes_back_and_joins(behind: HaCluster, balancer: Balancer) -> None:
    """It never initialises: the cluster is the one that it left."""
    cluster_of = ("get", "namespace", "kube-system", "--output", "jsonpath={.metadata.uid}")
    before = behind.kubectl(*cluster_of)
    behind.edit(hosts(THREE, [WORKER]))
    behind.up()
    balancer.behind = [HA.address(name) for name in THREE]
    assert behind.kubectl(*cluster_of) == before
    assert behind.etcd_members("node1") == [(name, True) for name in THREE]
