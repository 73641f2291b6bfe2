"""A cluster gets a name for its endpoint, becomes one of five, and of one again, while machines lose their power."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import yaml

from local import cluster
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, etcdctl_script, hosts, kubelet, on_machine, stack
from tests.ha.power import update_cut_at
from tests.ha.requests import requests

ADDRESS = f"{HA.address('node1')}:6443"
NAME = f"api.{HA.name}.internal:6443"
ONE, THREE, FIVE = ["node1"], ["node1", "node2", "node3"], ["node1", "node2", "node3", "node5", "node6"]
IN_MIGRATION = [
    ("node1", "init", "[[ -e /var/lib/pulumi-kubeadm/api-certificate ]]"),
    ("node1", "init", f"grep --quiet {NAME} /etc/kubernetes/admin.conf"),
    (WORKER, "join", f"grep --quiet {NAME} /etc/kubernetes/kubelet.conf"),
]
"""Machine, step and point: the API server gets another certificate, its machine finds it by its name, a worker does."""
MEMBERS = etcdctl_script(HA.address("node1"), "member list")
HAS_VOTE = f"{MEMBERS} 2>/dev/null | grep --quiet '{HA.address('node5')}:2379, false'"
IN_JOIN = {
    "node2": ("[[ -e /etc/kubernetes/admin.conf ]]", 0),
    "node3": ("[[ -e /etc/kubernetes/manifests/etcd.yaml ]]", 0),
    "node5": (HAS_VOTE, 15),
    "node6": ("grep --quiet 'kubeadm join is done' /run/pulumi-kubeadm/join/log", 15),
}
"""By machine: the point, at which it has certificates, a member without a vote, a vote, all but the mark; and how many
requests may fail: an API server that serves takes some with it, as whenever a machine dies."""


@pytest.fixture(scope="module")
def addressed() -> Iterator[HaCluster]:
    """A control plane and a worker, which find the API by its address."""
    cluster.take_down(stack(ONE, [WORKER]))
    try:
        yield bring_up(ONE, [WORKER], controlPlaneEndpoint=ADDRESS)
    finally:
        cluster.take_down(stack(ONE, [WORKER]))


def servers(live: HaCluster) -> dict[str, str]:
    """The API as each program finds it."""
    files = {"node1": "/etc/kubernetes/admin.conf", WORKER: "/etc/kubernetes/kubelet.conf"}
    found = {name: on_machine(name, f"awk '$1 == \"server:\" {{print $2}}' {path}") for name, path in files.items()}
    for namespace, name in (("kube-public", "cluster-info"), ("kube-system", "kube-proxy")):
        data = json.loads(live.kubectl("--namespace", namespace, "get", "configmap", name, "--output", "json"))["data"]
        content = yaml.safe_load(data.get("kubeconfig") or data["kubeconfig.conf"])
        found[name] = f"{content['clusters'][0]['cluster']['server']}\n"
    return found


def kube_proxy() -> str:
    """The container of kube-proxy of the worker."""
    return on_machine(WORKER, "crictl ps --quiet --name '^kube-proxy$'")


def test_an_address_becomes_a_name_although_machines_lose_their_power(addressed: HaCluster) -> None:
    """Every program finds the API by the name, and nothing is left to do."""
    assert set(servers(addressed).values()) == {f"https://{ADDRESS}\n"}
    content = yaml.safe_load(addressed.stack.file.read_text())
    del content["config"]["kubeadm:cluster"]["controlPlaneEndpoint"]
    addressed.stack.file.write_text(yaml.safe_dump(content))
    for machine, step, point in IN_MIGRATION:
        update_cut_at(addressed, machine, step, point)
    addressed.up()
    assert set(servers(addressed).values()) == {f"https://{NAME}\n"}
    assert addressed.ready_nodes() == {"node1", WORKER}
    addressed.up("--expect-no-changes")


@pytest.mark.parametrize(("size", "new"), [(THREE, ["node2", "node3"]), (FIVE, ["node5", "node6"])])
def test_a_control_plane_that_loses_its_power_while_it_joins_joins_with_the_next_update(
    addressed: HaCluster, size: list[str], new: list[str], say: Callable[[str], None]
) -> None:
    """Each has one vote and one node at the end, and no kubelet of a worker restarts."""
    before = kubelet(WORKER)
    addressed.edit(hosts(size, [WORKER]))
    for machine in new:
        point, limit = IN_JOIN[machine]
        with requests() as results:
            update_cut_at(addressed, machine, "join", point)
        say(f"{machine} loses its power while it joins: {results}")
        assert len(results.failed) <= limit, results.failed
    with requests() as results:
        addressed.up()
    say(f"{len(size)} control planes: {results}")
    assert not results.failed, results.failed[:10]
    assert addressed.etcd_members("node1") == [(name, True) for name in size]
    assert addressed.ready_nodes() == {*size, WORKER}
    addressed.wait_for_api_servers(size)
    assert "kubeadm-certs" not in addressed.kubectl("--namespace", "kube-system", "get", "secrets", "--output", "name")
    assert kubelet(WORKER) == before
    addressed.up("--expect-no-changes")


@pytest.mark.parametrize("size", [THREE, ONE])
def test_several_control_planes_leave_by_one_edit(
    addressed: HaCluster, size: list[str], say: Callable[[str], None]
) -> None:
    """No request of the worker fails, and its kubelet goes on; kube-proxy restarts only with the way of the name."""
    before, proxy = kubelet(WORKER), kube_proxy()
    addressed.edit(hosts(size, [WORKER]))
    with requests() as results:
        addressed.up()
    say(f"back to {len(size)}: {results}")
    assert addressed.etcd_members("node1") == [(name, True) for name in size]
    assert addressed.ready_nodes() == {*size, WORKER}
    addressed.wait_for_api_servers(size)
    assert kubelet(WORKER) == before
    assert (kube_proxy() == proxy) == (size != ONE)
    assert not results.failed, results.failed[:10]
    addressed.up("--expect-no-changes")


def test_the_only_control_plane_needs_no_load_balancer(addressed: HaCluster) -> None:
    """The name leads to it."""
    assert on_machine(WORKER, "systemctl is-active kubernetes-api-haproxy || true") == "inactive\n"
    led_to = on_machine(WORKER, f"getent ahostsv4 {NAME.partition(':')[0]} | awk 'NR == 1 {{print $1}}'")
    assert led_to.strip() == HA.address("node1")
