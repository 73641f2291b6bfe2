"""Changes of a machine before a run, by other hosts, by persons, or by a loss of files."""

from __future__ import annotations

import shutil

from tests.crash_points.world import World


def as_it_is(_: World) -> None:
    """Leave the machine alone."""


def upgraded_control_plane(world: World) -> None:
    """Another host has upgraded the cluster's kubelet configuration, as a control plane does before its workers."""
    world.machine.write("/world/cluster/objects/kubelet-config", "configuration of 1.36.4\n")


def edited_control_plane(world: World) -> None:
    """A control plane has edited the cluster's kubelet configuration, before its workers."""
    world.machine.write("/world/cluster/objects/kubelet-config", "configuration with 99 pods\n")


def lost_marks(world: World) -> None:
    """A person has deleted the marks of the steps."""
    shutil.rmtree(world.machine.path("/var/lib/pulumi-kubeadm"))


def with_worker(world: World) -> None:
    """A worker has joined the cluster of this control plane."""
    for name, content in {"version": "v1.36.3", "ready": "True"}.items():
        world.machine.write(f"/var/lib/etcd/member/nodes/node2/{name}", content)


def containerd_1_4(world: World) -> None:
    """The machine has containerd 1.4, which reads passwords when it starts."""
    world.machine.write("/world/containerd-version", "1.4.13\n")


def unguarded(world: World) -> None:
    """An older version of this project made the control plane, without an initial state of the etcd cluster."""
    manifest = world.machine.path("/etc/kubernetes/manifests/etcd.yaml")
    manifest.write_text(manifest.read_text().replace("--initial-cluster-state=existing", ""))


def member(*, learns: bool) -> str:
    """The line of node2's member of etcd."""
    return f"b2, started, node2, https://192.0.2.12:2380, https://192.0.2.12:2379, {str(learns).lower()}\n"


def with_half_member(world: World) -> None:
    """A join of node2 was cut short, and its member of etcd learns for ever."""
    members = world.machine.path("/var/lib/etcd/member/members")
    members.write_text(members.read_text() + member(learns=True))


def with_control_plane(world: World) -> None:
    """node2 has joined as a control plane, and its member leads."""
    with_worker(world)
    members = world.machine.path("/var/lib/etcd/member/members")
    members.write_text(members.read_text() + member(learns=False))
    world.machine.write("/var/lib/etcd/member/leader", "b2\n")


def with_sponsor(world: World) -> None:
    """A control plane elsewhere has uploaded its certificates."""
    own = "a1, started, node1, https://192.0.2.11:2380, https://192.0.2.11:2379, false\n"
    for name in ("kubeadm-config", "kube-proxy", "coredns", "cluster-info", "kubeadm-certs"):
        world.machine.write(f"/world/cluster/objects/{name}", "configuration\n")
    # A node that is marked as a control plane late uploads it again, as the stack has it.
    documents = world.machine.path("/etc/kubernetes/kubeadm/config.yaml").read_text()
    kubelet = documents.partition("kind: KubeletConfiguration\n")[2].partition("---")[0].replace("\n", " ")
    world.machine.write("/world/cluster/objects/kubelet-config", f"{kubelet}\n")
    world.machine.write("/world/cluster/members", own)
    world.machine.write("/world/cluster/leader", "a1\n")


def by_address(world: World) -> None:
    """The kubelet finds the API by the address that was the endpoint of the cluster."""
    world.machine.write("/etc/kubernetes/kubelet.conf", "    server: https://192.0.2.11:6443\n")


def node_left(world: World) -> None:
    """The membership of node2 was deleted, and its node with it."""
    shutil.rmtree(world.machine.path("/world/cluster/nodes/node2"))


def control_plane_left(world: World) -> None:
    """The membership of node1 was deleted: its etcd reports that, and its API server does not answer."""
    with_half_member(world)
    for fact in ("others-are-lost", "is-out-of-etcd"):
        world.machine.write(f"/world/{fact}", "")
