"""Lost state of a host: a node, marks or files that the last update left and that are gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from components.host_files import api_server, load_balancer, vip
from components.settings import Host, Settings
from components.settings.backup import STATE
from operations.stack.commands import StackCommands
from problem import Problem

MARKS_OF_EVERY_NODE = (
    "owner",
    "cluster-name",
    "host-name",
    "package-lists-are-read",
    "containerd-runs-with",
    "systemd-runs-with",
    "prepared",
    "kubelet-configuration",
)
MARKS_OF_CONTROL_PLANE = (
    "backup-timer-runs-with",
    "approval-runs-with",
    "initialized",
    "cluster-identity",
    "node-address",
    "control-plane-version",
    "cluster-configuration",
    "kube-proxy-configuration",
    "vxlan-mode",
    "taints",
    "certificate-generation",
    "drain-timeout-seconds",
)
MARKS_BESIDE_FILES = {
    "load-balancer-runs-with": load_balancer.CONFIGURATION,
    "vip-runs-with": vip.CONFIGURATION,
    "network-manager-reads": "/etc/NetworkManager/conf.d/99-pulumi-kubeadm.conf",
    "networkd-reads": "/etc/systemd/network/00-pulumi-kubeadm.network",
    "encryption": api_server.ENCRYPTION,
}
"""Marks that only some hosts have, by the settings of the last update, and a file that exactly these hosts have."""
EXCUSED_MARKS = {
    "join-started": "only while a join has not ended",
    "init-started": "only while an init has not ended",
    "unfinished-hosts": "only while /etc/hosts is written",
    "swap-units": "most machines have no unit of swap",
    "haproxy-is-ours": "a machine had haproxy before, or had not; nothing else tells which",
    "keepalived-is-ours": "a machine had keepalived before, or had not; nothing else tells which",
}
"""Marks that no host has to have, and the reason. Names of all marks are as in scripts/lib/marks.sh."""

TAINTS_OF = "taints-of-"
"""Prefix of a mark of a worker on the control plane, as worker_taints_mark in scripts/lib/marks.sh has it."""


def marks_of(host: Host, workers: Collection[str]) -> list[str]:
    """Names of the marks that an update leaves on the machine of a node.

    `NAME:PATH` is a mark that only machines with the file have.

    Args:
        host: the host of the node.
        workers: workers that the last update left as nodes, and whose membership runs on the host.
    """
    common = [*MARKS_OF_EVERY_NODE, *(f"{name}:{path}" for name, path in MARKS_BESIDE_FILES.items())]
    if host.role != "control-plane":
        return common
    return [*common, *MARKS_OF_CONTROL_PLANE, *(f"{TAINTS_OF}{name}" for name in sorted(workers))]


def lost_problems(
    host: Host, settings: Settings, facts: Mapping[str, str], commands: StackCommands
) -> Iterator[Problem]:
    """Everything that a node has lost since the last update."""
    repair = commands.repair(host.name)
    if facts["joined"] != "yes":
        yield _reset(host, settings, facts, commands)
        return
    yield from _marks(host, settings, facts["marks_gone"].split(), commands)
    if facts["files_gone"]:
        yield Problem(
            f"{host.name}: files",
            expected="the files that the last update wrote",
            seen=f"no {facts['files_gone'].replace(' ', ', no ')}",
            next_command=repair,
        )


def _marks(host: Host, settings: Settings, gone: list[str], commands: StackCommands) -> Iterator[Problem]:
    of_workers = [path for path in gone if path.startswith(f"{STATE}/{TAINTS_OF}")]
    own = [path for path in gone if path not in of_workers]
    if own:
        yield Problem(
            f"{host.name}: marks",
            expected=f"the marks of the last update in {STATE}",
            seen=f"no {', no '.join(own)}",
            next_command=commands.repair(host.name),
        )
    for path in of_workers:
        worker = path.removeprefix(f"{STATE}/{TAINTS_OF}")
        if worker not in settings.hosts:
            continue  # a fact is cut after some hundred characters, perhaps within a name
        yield Problem(
            f"{worker}: marks",
            expected=f"the taints that the stack gave the node, in {path} on {host.name}",
            seen="none: a taint that the stack file gives up would stay on the node",
            next_command=commands.repair(worker),
        )


def join_anew(name: str, commands: StackCommands) -> str:
    """The advice for one of several control planes without its data, for which an update alone finds nothing to do."""
    return (
        f"set gone: true for {name} in the stack file, then {commands.up}; remove it, then {commands.up}: the machine"
        " joins anew"
    )


def _reset(host: Host, settings: Settings, facts: Mapping[str, str], commands: StackCommands) -> Problem:
    """The problem of a machine without kubelet.conf, such as `kubeadm reset` leaves one."""
    if host.role == "control-plane" and len(settings.living_control_planes) > 1:
        return Problem(
            f"{host.name}: control plane",
            expected="a node of the cluster with a member of etcd, as the last update left it",
            seen="no /etc/kubernetes/kubelet.conf: the machine was reset, or is another one",
            next_command=join_anew(host.name, commands),
        )
    if host.role == "control-plane" and facts["cluster_data"] != "yes":
        return Problem(
            f"{host.name}: control plane",
            expected="the data of the cluster in /var/lib/etcd",
            seen="none: the machine was reset, or is another one, and with it the cluster is lost",
            next_command=f"docs/how-to/lost-control-plane.md; it ends with {commands.up}",
        )
    return Problem(
        f"{host.name}: kubelet",
        expected="a node of the cluster, as the last update left it",
        seen="no /etc/kubernetes/kubelet.conf: the machine was reset, or is another one",
        next_command=commands.repair(host.name),
    )
