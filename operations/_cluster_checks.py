"""What can be wrong with nodes, kube-proxy and access rules, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from components.settings import Settings
from local.errors import StepError
from operations._api import Json
from operations._cluster_state import ClusterState

ROLE_TAINTS = {"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}
"""1.24 sets both, later versions the first: kubeadm's app/constants/constants.go."""


def cluster_problems(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    """Everything that is wrong with what belongs to no workload."""
    yield from state.refusals
    yield from _nodes(state, settings)
    yield from _taints(state, settings)
    yield from _kube_proxy(state, settings)
    yield from _access(state, settings)


def _nodes(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    if state.nodes is None:
        return
    nodes = {node["metadata"]["name"]: node for node in state.nodes}
    for host in settings.hosts.values():
        if host.name not in nodes and not host.gone:
            yield StepError(
                f"{host.name}: node",
                expected="a node of the cluster",
                seen=f"only {', '.join(nodes)}",
                next_command="pulumi up: it joins the host with a new join token",
            )
    for name, node in nodes.items():
        ready = next((each for each in node["status"]["conditions"] if each["type"] == "Ready"), None)
        if ready is None or ready["status"] != "True":
            yield _not_ready(name, ready or {"message": "no condition Ready"})
    calico = [each for each in state.daemon_sets or [] if each["metadata"]["name"] == "calico-node"]
    if state.daemon_sets is not None and not calico:
        yield StepError(
            "pod network",
            expected="the DaemonSet kube-system/calico-node",
            seen="none; nodes without a CNI configuration stay NotReady",
            next_command="pulumi up --refresh applies Calico again",
        )


def _not_ready(name: str, ready: Json) -> StepError:
    message = str(ready.get("message", ""))
    next_command = f"journalctl --unit kubelet on {name}"
    if "cni" in message.lower() or "network plugin" in message.lower():
        next_command = (
            "kubectl --namespace kube-system delete pod --selector k8s-app=calico-node"
            f" --field-selector spec.nodeName={name}: the next one writes the CNI configuration anew;"
            " if none comes, pulumi up --refresh applies the pod network again"
        )
    elif "container runtime" in message.lower():
        next_command = f"systemctl restart containerd on {name}; journalctl --unit containerd says why it ended"
    elif ready.get("status") == "Unknown":
        next_command = f"see whether {name} runs and kubelet on it: systemctl status kubelet"
    return StepError(f"{name}: node", expected="it to be Ready", seen=message, next_command=next_command)


def _taints(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    taints = settings.cluster.control_plane_taints
    wanted: set[tuple[str, str]] = {(taint.key, taint.effect) for taint in taints if taint.key in ROLE_TAINTS}
    for node in state.nodes or []:
        name = node["metadata"]["name"]
        if name not in settings.hosts or settings.hosts[name].role != "control-plane":
            continue
        found = {(each["key"], each["effect"]) for each in node["spec"].get("taints", []) if each["key"] in ROLE_TAINTS}
        if found != wanted:
            undo = [f"kubectl taint nodes {name} {key}:{effect}-" for key, effect in sorted(found - wanted)]
            redo = [f"kubectl taint nodes {name} {key}=:{effect}" for key, effect in sorted(wanted - found)]
            yield StepError(
                f"{name}: control-plane taint",
                expected=_taint_text(wanted),
                seen=_taint_text(found),
                next_command="; ".join([*undo, *redo]) + "; or say it in cluster.controlPlaneTaints",
            )


def _taint_text(taints: set[tuple[str, str]]) -> str:
    return ", ".join(f"{key}:{effect}" for key, effect in sorted(taints)) or "none"


def _kube_proxy(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    if state.kube_proxy is None:
        return
    wanted = settings.cluster.kube_proxy_configuration.get("conntrack", {}).get("maxPerCore")
    found = (yaml.safe_load(state.kube_proxy).get("conntrack") or {}).get("maxPerCore")
    if wanted is not None and found != wanted:
        yield StepError(
            "kube-proxy",
            expected=f"conntrack.maxPerCore {wanted}"
            + (", which leaves the system's nf_conntrack_max alone" if wanted == 0 else ""),
            seen=f"{found if found is not None else 'its default'}: kube-proxy overrides nf_conntrack_max",
            next_command="kubectl --namespace kube-system edit configmap kube-proxy; then"
            " kubectl --namespace kube-system rollout restart daemonset kube-proxy, and sysctl --system on the hosts",
        )


def _access(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    """Bindings of the stack's service accounts that someone took away."""
    if state.cluster_bindings is None or state.bindings is None:
        return
    there = {(each["metadata"].get("namespace"), *_bound(each)) for each in state.cluster_bindings + state.bindings}
    for account in settings.access.service_accounts:
        user = f"system:serviceaccount:{account.namespace}:{account.name}"
        roles = [(None, account.cluster_role)] if account.cluster_role else []
        for where, role in [*roles, *account.namespace_roles.items()]:
            if (where, account.name, role) not in there:
                yield StepError(
                    f"RBAC: service account {account.namespace}/{account.name}",
                    expected=f"a binding to {role} {'in ' + where if where else 'in the whole cluster'}",
                    seen="none; what it asks for is forbidden",
                    next_command=f"kubectl auth can-i --list --as {user}; pulumi up --refresh makes the binding again",
                )


def _bound(binding: Json) -> tuple[str, str]:
    return binding["metadata"]["name"], binding["roleRef"]["name"]
