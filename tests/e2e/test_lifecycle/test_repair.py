"""The world differs from the state: each difference is named by `make status`, and mended by the command it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Cluster, configure, machine_names, probe_pods
from tests.e2e.status import assert_named, assert_well, follow
from tests.e2e.watching import node_names

FIRST, SECOND, THIRD = machine_names()
STATE = "/var/lib/pulumi-kubeadm"
RESET = "kubeadm reset --force >/dev/null 2>&1"
ROLE = "node-role.kubernetes.io/control-plane"


@pytest.fixture(autouse=True)
def _well_before_and_after(live: Cluster) -> Iterator[None]:
    """Every node is in the cluster and reaches the pods of every other, and an update has nothing to do."""
    assert_well()
    yield
    assert_well()
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert_every_node_reaches_every_pod(live)
    live.stack.up(None, "--expect-no-changes")


def assert_every_node_reaches_every_pod(live: Cluster) -> None:
    """Past every service: node to pod."""
    for node, address in probe_pods(live).items():
        for machine in machine_names():
            answer = live.on(machine, f"curl --silent --show-error --max-time 20 http://{address}:8080/ || echo silent")
            assert "silent" not in answer, f"{machine} does not reach the pod on {node}"


@pytest.mark.parametrize("machine", [THIRD, FIRST])
def test_a_node_that_was_deleted(live: Cluster, machine: str) -> None:
    """A worker joins with a new token; a control plane registers again and is marked."""
    labels = live.get("node", machine)["metadata"]["labels"]
    live.kubectl("delete", "node", machine)
    follow(f"{machine}: node: expected a node of the cluster")
    assert live.get("node", machine)["metadata"]["labels"] == labels


@pytest.mark.parametrize(
    ("machine", "problem"),
    [(THIRD, "pod network: expected the annotations"), (FIRST, f"control-plane label: expected {ROLE}")],
)
def test_a_node_that_was_deleted_and_registered_again(live: Cluster, machine: str, problem: str) -> None:
    """calico-node, which went on running, does not notice; kubeadm did not mark the node of the control plane."""
    live.kubectl("delete", "node", machine)
    live.on(machine, "systemctl restart kubelet")
    follow(f"{machine}: {problem}")


def test_labels_of_a_node_that_was_deleted(live: Cluster) -> None:
    """Named once the node is back."""
    configure("set", "--path", f"hosts.{THIRD}.labels.disk", "ssd")
    live.stack.up()
    live.kubectl("delete", "node", THIRD)
    follow(f"{THIRD}: node: expected a node of the cluster")
    follow(f"{THIRD}: labels: expected disk=ssd")
    assert live.get("node", THIRD)["metadata"]["labels"]["disk"] == "ssd"
    configure("rm", "--path", f"hosts.{THIRD}.labels")
    live.stack.up()


@pytest.mark.parametrize(
    ("machine", "lost"), [(FIRST, f"{STATE}/initialized"), (FIRST, STATE), (THIRD, f"{STATE}/owner"), (THIRD, STATE)]
)
def test_a_mark_that_is_gone(live: Cluster, machine: str, lost: str) -> None:
    """The cluster goes on running meanwhile, and is neither initialised nor joined again."""
    uid = live.get("node", machine)["metadata"]["uid"]
    live.on(machine, f"rm -r {lost}")
    follow(f"{machine}: marks: expected the marks of the last update")
    if (machine, lost) == (FIRST, STATE):
        for worker in (SECOND, THIRD):
            follow(f"{worker}: marks: expected the taints that the stack gave the node")
    assert live.get("node", machine)["metadata"]["uid"] == uid


def test_a_file_that_is_gone(live: Cluster) -> None:
    """Of any step."""
    live.on(THIRD, "rm /etc/sysctl.d/99-kubernetes.conf")
    follow(f"{THIRD}: files: expected the files that the last update wrote")
    assert "ip_forward" in live.on(THIRD, "cat /etc/sysctl.d/99-kubernetes.conf")


@pytest.mark.parametrize("also", ["true", f"rm -rf {STATE} /etc/cni/net.d", "rm -rf /usr/local/lib/pulumi-kubeadm"])
def test_a_worker_that_was_reset(live: Cluster, also: str) -> None:
    """Its node stays in the cluster, and is Ready for a moment."""
    live.on(THIRD, f"{RESET}; {also}")
    follow(f"{THIRD}: kubelet: expected a node of the cluster, as the last update left it")


def test_a_control_plane_that_was_reset_is_named_and_not_made_anew(live: Cluster) -> None:
    """What says so is away for a moment, while the cluster goes on."""
    paths = ("/etc/kubernetes/kubelet.conf", "/var/lib/etcd/member")
    live.on(FIRST, "\n".join(f"mv {path} {path}.away" for path in paths))
    try:
        assert_named(
            f"{FIRST}: control plane: expected the data of the cluster in /var/lib/etcd", "lost-control-plane.md"
        )
    finally:
        live.on(FIRST, "\n".join(f"mv {path}.away {path}" for path in paths))
