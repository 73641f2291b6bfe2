"""Missing workloads of add-ons and of kubeadm, and the command that applies them again."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi

from components.addons import Addon, addons_of
from components.addons.registered import WAITS
from components.settings import Settings
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from problem import Problem

Workload = tuple[str, str, str]
"""Kind, namespace and name."""

OF_KUBEADM = (("DaemonSet", "kube-proxy"), ("Deployment", "coredns"))
"""Kind and name; the name is that of the phase of kubeadm, too, which makes the workload."""


def addon_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """A problem for each workload of an enabled add-on, or of kubeadm, that the cluster does not have.

    Pods of a workload that exists are checked as every pod is.
    """
    found = _workloads(state)
    for kind, name in OF_KUBEADM:
        if kind in found and ("kube-system", name) not in found[kind]:
            yield Problem(
                name,
                expected=f"the {kind} kube-system/{name}",
                seen="none",
                next_command=f"on a control plane: kubeadm init phase addon {name}"
                " --config /etc/kubernetes/kubeadm/config.yaml",
            )
    for addon in addons_of(settings):
        try:
            wanted = _wanted(addon, settings)
        except pulumi.RunError as error:
            yield Problem(
                f"add-on {addon.name}",
                expected="the manifest of the add-on, which names its workloads",
                seen=str(error),
                next_command=f"mend the cause named above, then {commands.status}",
            )
            continue
        for kind, namespace, name in wanted:
            if kind in found and (namespace, name) not in found[kind]:
                yield Problem(
                    "pod network" if addon.is_network else f"add-on {addon.name}",
                    expected=f"the {kind} {namespace}/{name}",
                    seen="none; nodes without a CNI configuration stay NotReady" if addon.is_network else "none",
                    next_command=f"{commands.refresh} applies it again",
                )


def _wanted(addon: Addon, settings: Settings) -> list[Workload]:
    return [
        (each["kind"], each["metadata"].get("namespace") or "default", each["metadata"]["name"])
        for each in addon.objects(settings)
        if each["kind"] in WAITS
    ]


def _workloads(state: ClusterState) -> dict[str, set[tuple[str, str]]]:
    """Namespace and name of each workload by kind; a kind that the API did not list is left out."""
    listed = {
        "DaemonSet": state.daemon_sets,
        "Deployment": state.deployments,
        "StatefulSet": state.stateful_sets,
    }
    return {
        kind: {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in items}
        for kind, items in listed.items()
        if items is not None
    }
