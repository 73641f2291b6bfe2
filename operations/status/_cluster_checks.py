"""Problems of nodes, labels, taints and kube-proxy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import yaml

from components.settings import Settings
from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._access_checks import access_problems
from operations.status._cluster_state import ClusterState
from problem import Problem

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
ROLE_TAINTS = {CONTROL_PLANE_LABEL, "node-role.kubernetes.io/master"}
"""Taints of a control plane. 1.24 sets both, later versions the first: kubeadm's app/constants/constants.go."""


def cluster_problems(
    state: ClusterState, settings: Settings, commands: StackCommands, were_nodes: Collection[str]
) -> Iterator[Problem]:
    """Problems of all objects that belong to no workload.

    Args:
        state: of the cluster.
        settings: of the stack.
        commands: of the stack.
        were_nodes: hosts that the last update left as nodes.
    """
    yield from state.refusals
    yield from _nodes(state, settings, commands, were_nodes)
    yield from _labels(state, settings, commands)
    yield from _taints_of_stack(state, settings)
    yield from _control_plane_nodes(state, settings, commands)
    yield from _kube_proxy(state, settings)
    yield from access_problems(state, settings, commands)


def _nodes(
    state: ClusterState, settings: Settings, commands: StackCommands, were_nodes: Collection[str]
) -> Iterator[Problem]:
    if state.nodes is None:
        return
    nodes = {node["metadata"]["name"]: node for node in state.nodes}
    for host in settings.hosts.values():
        if host.name not in nodes and not host.gone:
            yield Problem(
                f"{host.name}: node",
                expected="a node of the cluster",
                seen=f"no node of that name among {', '.join(nodes) or 'none'}",
                next_command=commands.repair(host.name) if host.name in were_nodes else commands.up,
            )
    for name, node in nodes.items():
        if name not in settings.hosts or settings.hosts[name].gone:
            yield _of_no_host(name, commands, is_gone=name in settings.hosts)
            continue
        ready = ready_condition(node)
        if ready.get("status") != "True":
            yield _not_ready(name, ready, commands)


def ready_condition(node: Json) -> Json:
    """The condition Ready of a node; one without a status where the node has no conditions yet."""
    conditions = node.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == "Ready"), {"message": "no condition Ready"})


def _of_no_host(name: str, commands: StackCommands, *, is_gone: bool) -> Problem:
    """The problem of a node without a host: the kubelet of a dead machine that comes back registers the node again."""
    there = f"systemctl disable --now kubelet on {name}, then kubectl delete node {name}"
    if is_gone:
        next_command = (
            f"{commands.up}, if it did not run since; {there}; if the machine is to stay: remove `gone: true`"
        )
    else:
        next_command = f"{there}; if it is to stay: add it to kubeadm:hosts, kubeadm reset on {name}, {commands.up}"
    return Problem(
        f"{name}: node",
        expected="a host of the stack",
        seen="gone: true in the stack file" if is_gone else "no host of that name",
        next_command=next_command,
    )


def _not_ready(name: str, ready: Json, commands: StackCommands) -> Problem:
    message = str(ready.get("message", ""))
    next_command = f"journalctl --unit kubelet on {name}"
    if "cni" in message.lower() or "network plugin" in message.lower():
        next_command = (
            "kubectl --namespace kube-system delete pod --selector k8s-app=calico-node"
            f" --field-selector spec.nodeName={name}: the next one writes the CNI configuration anew;"
            f" if none comes, {commands.refresh} applies the pod network again"
        )
    elif "container runtime" in message.lower():
        next_command = f"systemctl restart containerd on {name}; journalctl --unit containerd says why it ended"
    elif ready.get("status") == "Unknown":
        next_command = f"systemctl status kubelet on {name}, if the machine runs"
    return Problem(f"{name}: node", expected="the node to be Ready", seen=message, next_command=next_command)


def _labels(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    for node in state.nodes or []:
        host = settings.hosts.get(node["metadata"]["name"])
        found = node["metadata"].get("labels") or {}
        wanted = {} if host is None or host.gone else host.labels
        missing = [f"{key}={value}" for key, value in wanted.items() if found.get(key) != value]
        if missing:
            yield Problem(
                f"{node['metadata']['name']}: labels",
                expected=", ".join(missing),
                seen="none, or other values, as of a node that registered again",
                next_command=commands.refresh,
            )


def _taints_of_stack(state: ClusterState, settings: Settings) -> Iterator[Problem]:
    """Taints of the stack that nodes lack, except taints of the role of a control plane, which `_taints` reports."""
    for node in state.nodes or []:
        name = node["metadata"]["name"]
        host = settings.hosts.get(name)
        if host is None or host.gone:
            continue
        wanted = host.taints if host.role == "worker" else settings.cluster.control_plane_taints
        found = {(each["key"], each.get("value") or "", each["effect"]) for each in node["spec"].get("taints") or []}
        missing = [
            str(taint)
            for taint in wanted
            if taint.key not in ROLE_TAINTS and (taint.key, taint.value, taint.effect) not in found
        ]
        if missing:
            yield Problem(
                f"{name}: taints",
                expected=", ".join(missing),
                seen="none, or other values, as of a node that registered again",
                next_command=f"kubectl taint --overwrite nodes {name} {' '.join(missing)}",
            )


def _control_plane_nodes(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    for node in state.nodes or []:
        name = node["metadata"]["name"]
        if name not in settings.hosts or settings.hosts[name].role != "control-plane":
            continue
        if CONTROL_PLANE_LABEL in (node["metadata"].get("labels") or {}):
            yield from _taints(node, settings)
        else:
            yield Problem(
                f"{name}: control-plane label",
                expected=f"{CONTROL_PLANE_LABEL}, which kubeadm sets, with the taints, on a control plane's node",
                seen="none, as of a node that registered again",
                next_command=commands.repair(name),
            )


def _taints(node: Json, settings: Settings) -> Iterator[Problem]:
    name, taints = node["metadata"]["name"], settings.cluster.control_plane_taints
    wanted: set[tuple[str, str]] = {(taint.key, taint.effect) for taint in taints if taint.key in ROLE_TAINTS}
    found = {(each["key"], each["effect"]) for each in node["spec"].get("taints") or [] if each["key"] in ROLE_TAINTS}
    if found != wanted:
        undo = [f"kubectl taint nodes {name} {key}:{effect}-" for key, effect in sorted(found - wanted)]
        redo = [f"kubectl taint nodes {name} {key}=:{effect}" for key, effect in sorted(wanted - found)]
        yield Problem(
            f"{name}: control-plane taint",
            expected=_taint_text(wanted),
            seen=_taint_text(found),
            next_command="; ".join([*undo, *redo]) + "; or set cluster.controlPlaneTaints to what was seen",
        )


def _taint_text(taints: set[tuple[str, str]]) -> str:
    return ", ".join(f"{key}:{effect}" for key, effect in sorted(taints)) or "none"


def _kube_proxy(state: ClusterState, settings: Settings) -> Iterator[Problem]:
    if state.kube_proxy is None:
        return
    try:
        configuration = yaml.safe_load(state.kube_proxy)
    except yaml.YAMLError:
        configuration = None
    if not isinstance(configuration, dict):
        yield Problem(
            "kube-proxy",
            expected="the configuration of kube-proxy in the ConfigMap kube-system/kube-proxy, key config.conf",
            seen="something else" if state.kube_proxy else "none",
            next_command="kubeadm init phase addon kube-proxy --config /etc/kubernetes/kubeadm/config.yaml on the"
            " control plane writes it anew; then kubectl --namespace kube-system rollout restart daemonset kube-proxy",
        )
        return
    wanted, found = _max_per_core(settings.cluster.kube_proxy_configuration), _max_per_core(configuration)
    if wanted is not None and found != wanted:
        yield Problem(
            "kube-proxy",
            expected=f"conntrack.maxPerCore {wanted}"
            + (", which leaves the system's nf_conntrack_max alone" if wanted == 0 else ""),
            seen=f"{found if found is not None else 'its default'}: kube-proxy overrides nf_conntrack_max",
            next_command="kubectl --namespace kube-system edit configmap kube-proxy; then"
            " kubectl --namespace kube-system rollout restart daemonset kube-proxy, and sysctl --system on the hosts",
        )


def _max_per_core(configuration: Json) -> Any:
    conntrack = configuration.get("conntrack")
    return conntrack.get("maxPerCore") if isinstance(conntrack, dict) else None
