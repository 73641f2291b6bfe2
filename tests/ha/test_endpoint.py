"""A cluster whose endpoint is an address gets a name, and then grows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from local import cluster
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, hosts, on_machine, stack

ADDRESS = f"{HA.address('node1')}:6443"
NAME = f"api.{HA.name}.internal:6443"


@pytest.fixture(scope="module")
def addressed() -> Iterator[HaCluster]:
    """A control plane and a worker, which find the API by its address."""
    cluster.take_down(stack(["node1"], [WORKER]))
    try:
        yield bring_up(["node1"], [WORKER], controlPlaneEndpoint=ADDRESS)
    finally:
        cluster.take_down(stack(["node1"], [WORKER]))


def servers(live: HaCluster) -> dict[str, str]:
    """The API as each program finds it."""
    files = {"node1": "/etc/kubernetes/admin.conf", WORKER: "/etc/kubernetes/kubelet.conf"}
    found = {name: on_machine(name, f"awk '$1 == \"server:\" {{print $2}}' {path}") for name, path in files.items()}
    for namespace, name in (("kube-public", "cluster-info"), ("kube-system", "kube-proxy")):
        data = json.loads(live.kubectl("--namespace", namespace, "get", "configmap", name, "--output", "json"))["data"]
        content = yaml.safe_load(data.get("kubeconfig") or data["kubeconfig.conf"])
        found[name] = f"{content['clusters'][0]['cluster']['server']}\n"
    return found


def test_an_address_becomes_a_name_by_one_update(addressed: HaCluster) -> None:
    """Every program finds the API by the name, and nothing is left to do."""
    assert set(servers(addressed).values()) == {f"https://{ADDRESS}\n"}
    content = yaml.safe_load(addressed.stack.file.read_text())
    del content["config"]["kubeadm:cluster"]["controlPlaneEndpoint"]
    addressed.stack.file.write_text(yaml.safe_dump(content))
    addressed.up()
    assert set(servers(addressed).values()) == {f"https://{NAME}\n"}
    assert addressed.ready_nodes() == {"node1", WORKER}
    addressed.up("--expect-no-changes")


def test_and_then_it_grows(addressed: HaCluster) -> None:
    """As any other."""
    addressed.edit(hosts(["node1", "node2", "node3"], [WORKER]))
    addressed.up()
    assert addressed.etcd_members("node3") == [("node1", True), ("node2", True), ("node3", True)]
