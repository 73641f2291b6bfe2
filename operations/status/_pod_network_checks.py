"""Problems of the pod network."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.ports import VXLAN_PORT
from operations.access.api import Json
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from problem import Problem


def pod_network_problems(state: ClusterState, commands: StackCommands) -> Iterator[Problem]:
    """Everything that keeps pods of one node from those of another while calico-node is Ready on both."""
    problems = list(_without_addresses(state, commands))
    yield from problems
    unreachable = unreachable_node(state)
    if unreachable and not problems:
        yield Problem(
            "pod network",
            expected=f"the API server to reach the pods on {unreachable}",
            seen=f"CoreDNS, which is Ready on this node, does not answer: {state.dns_failures[unreachable][0]}",
            next_command=f"open UDP port {VXLAN_PORT} (VXLAN) between the hosts; where pods answer ping alone, as on"
            " VMware, on each host: ethtool -K CARD tx-checksum-ip-generic off; kubectl --namespace kube-system logs"
            " --selector k8s-app=calico-node --prefix",
        )


def unreachable_node(state: ClusterState) -> str:
    """The first node on which the API server reaches no Ready pod of CoreDNS; empty without such a node."""
    return next((name for name, failures in state.dns_failures.items() if all(failures)), "")


def nodes_without_addresses(state: ClusterState) -> dict[str, list[str]]:
    """Annotations of Calico that nodes lack on which calico-node is Ready, by the names of the nodes."""
    ready = {
        pod["spec"].get("nodeName")
        for pod in state.pods or []
        if _is_calico_node(pod) and all(each.get("ready") for each in pod["status"].get("containerStatuses") or [{}])
    }
    found = {}
    for node in state.nodes or []:
        name, annotations = node["metadata"]["name"], node["metadata"].get("annotations") or {}
        missing = [each for each in CALICO_ANNOTATIONS if not annotations.get(each)]
        if name in ready and missing:
            found[name] = missing
    return found


def _without_addresses(state: ClusterState, commands: StackCommands) -> Iterator[Problem]:
    since = {node["metadata"]["name"]: node["metadata"].get("creationTimestamp") for node in state.nodes or []}
    for name, missing in nodes_without_addresses(state).items():
        yield Problem(
            f"{name}: pod network",
            expected=f"the annotations {', '.join(missing)}, by which other nodes reach the pods of {name}",
            seen=f"none: the node registered again at {since[name]}, and calico-node has not noticed",
            next_command=commands.repair(name),
        )


def _is_calico_node(pod: Json) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get("k8s-app") == "calico-node")


def is_pod_network(state: ClusterState) -> bool:
    """True where the API server reaches no pods of a node: then the pod network is the problem, and not a pod."""
    return bool(unreachable_node(state) or nodes_without_addresses(state))
