"""What the last update left on a host and somebody took away: its node, its marks, its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from components.settings import Host
from operations.stack.commands import StackCommands
from problem import Problem

STATE = "/var/lib/pulumi-kubeadm"

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
    "initialized",
    "cluster-identity",
    "control-plane-version",
    "cluster-configuration",
    "kube-proxy-configuration",
    "vxlan-mode",
    "taints",
    "certificate-generation",
    "drain-timeout-seconds",
)
"""Names of marks as in scripts/lib/marks.sh, without those of a step that has not ended."""


def marks_of(host: Host) -> list[str]:
    """Names of the marks that an update leaves on a node of this role."""
    return [*MARKS_OF_EVERY_NODE, *(MARKS_OF_CONTROL_PLANE if host.role == "control-plane" else ())]


def lost_problems(host: Host, facts: Mapping[str, str], commands: StackCommands) -> Iterator[Problem]:
    """Everything that a node has lost since the last update."""
    repair = commands.repair(host.name)
    if facts["joined"] != "yes":
        yield _reset(host, facts, commands)
        return
    if facts["marks_gone"]:
        yield Problem(
            f"{host.name}: marks",
            expected=f"the marks of the last update in {STATE}",
            seen=f"no {facts['marks_gone'].replace(' ', ', no ')}",
            next_command=repair,
        )
    if facts["files_gone"]:
        yield Problem(
            f"{host.name}: files",
            expected="the files that the last update wrote",
            seen=f"no {facts['files_gone'].replace(' ', ', no ')}",
            next_command=repair,
        )


def _reset(host: Host, facts: Mapping[str, str], commands: StackCommands) -> Problem:
    """As `kubeadm reset` leaves a machine."""
    if host.role == "control-plane" and facts["cluster_data"] != "yes":
        return Problem(
            f"{host.name}: control plane",
            expected="the data of the cluster in /var/lib/etcd",
            seen="none: the machine was reset, or is another one, and with it the cluster is lost",
            next_command=f'docs/runbooks.md, "The control plane\'s machine is lost"; it ends with {commands.up}',
        )
    return Problem(
        f"{host.name}: kubelet",
        expected="a node of the cluster, as the last update left it",
        seen="no /etc/kubernetes/kubelet.conf: the machine was reset, or is another one",
        next_command=commands.repair(host.name),
    )
