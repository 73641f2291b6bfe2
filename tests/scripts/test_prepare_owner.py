"""The part of `prepare` that claims a machine for a cluster."""

from __future__ import annotations

import pytest

from tests.scripts.cluster import FOREIGN_MACHINE
from tests.scripts.machine import Machine
from tests.scripts.preparation import CLUSTER


def test_a_free_machine_becomes_the_cluster_s(machine: Machine) -> None:
    """And stays it."""
    for _ in range(2):
        assert machine.run_part("owner", CLUSTER).status == 0
        assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "0123456789abcdef"


def test_a_machine_of_another_cluster_is_left_alone(machine: Machine) -> None:
    """Two clusters on one machine would wreck each other."""
    machine.write("/var/lib/pulumi-kubeadm/owner", "fedcba9876543210")
    machine.write("/var/lib/pulumi-kubeadm/cluster-name", "production")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "saw it belongs to cluster production (fedcba9876543210)" in finished.stderr
    assert machine.path("/var/lib/pulumi-kubeadm/owner").read_text() == "fedcba9876543210"


def test_a_node_is_not_prepared_under_a_second_name(machine: Machine) -> None:
    """A machine that is no node yet takes the new name, and is not reset for the old one."""
    assert machine.run_part("owner", CLUSTER).status == 0
    machine.write("/etc/kubernetes/kubelet.conf", "")
    finished = machine.run_part("owner", CLUSTER | {"HOST_NAME": "node9"})
    assert finished.status == 1
    assert "expected a machine that is no node yet, or is node node9,\n  saw it is node node1" in finished.stderr
    machine.path("/etc/kubernetes/kubelet.conf").unlink()
    assert machine.run_part("owner", CLUSTER | {"HOST_NAME": "node9"}).status == 0
    reset = machine.run("reset", CLUSTER | {"HOST_NAME": "node1"})
    assert (reset.status, reset.stderr) == (0, "node1: the machine is node9 of this cluster now: nothing is reset\n")


@pytest.mark.parametrize("leftover", ["/etc/kubernetes/kubelet.conf", "/etc/kubernetes/manifests/etcd.yaml"])
def test_a_machine_with_another_cluster_is_left_alone(machine: Machine, leftover: str) -> None:
    """Whoever made it may still need it."""
    machine.write(leftover, "x")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "expected a machine without Kubernetes" in finished.stderr
    assert finished.stderr.index("make repair") < finished.stderr.index(FOREIGN_MACHINE)
    assert "kubeadm reset" not in finished.stderr, "a running cluster may be the one of this stack"
    assert not machine.path("/var/lib/pulumi-kubeadm/owner").exists()


def test_a_directory_that_cannot_be_read_is_not_one_without_another_cluster(machine: Machine) -> None:
    """As on a disk with errors."""
    machine.path("/etc/kubernetes").mkdir()
    machine.stub("find", "echo Input/output error >&2; exit 1")
    finished = machine.run_part("owner", CLUSTER)
    assert finished.status == 1
    assert "find" in finished.stderr
    assert not machine.path("/var/lib/pulumi-kubeadm/owner").exists()


def test_etcd_data_alone_are_another_cluster_too(machine: Machine) -> None:
    """They are what cannot be made again."""
    machine.path("/var/lib/etcd/member").mkdir(parents=True)
    assert machine.run_part("owner", CLUSTER).status == 1
