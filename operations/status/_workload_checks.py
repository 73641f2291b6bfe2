"""Workloads whose pods the API server refuses: no pod exists whose status would show it."""

from __future__ import annotations

from collections.abc import Iterator

from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from problem import Problem

REFUSED = "FailedCreate"
"""Reason of an event about a workload whose pod the API server refuses."""


def workload_problems(state: ClusterState, commands: StackCommands) -> Iterator[Problem]:
    """A problem for each workload that lacks pods because of a Pod Security level, a quota, an account or a webhook."""
    messages = {}
    for event in state.events or []:
        about = event.get("involvedObject") or {}
        if event.get("reason") == REFUSED:
            messages[about.get("kind"), about.get("namespace"), about.get("name")] = str(event.get("message", ""))
    for deployment in state.deployments or []:
        conditions = (deployment.get("status") or {}).get("conditions") or []
        for each in conditions:
            if each.get("type") == "ReplicaFailure" and each.get("status") == "True":
                yield _refused("Deployment", deployment, str(each.get("message", "")), commands)
    for kind, workloads in {"DaemonSet": state.daemon_sets, "StatefulSet": state.stateful_sets}.items():
        for each in workloads or []:
            message = messages.get((kind, each["metadata"]["namespace"], each["metadata"]["name"]))
            if message and _lacks_pods(each):
                yield _refused(kind, each, message, commands)


def _lacks_pods(workload: Json) -> bool:
    """True for a workload with fewer pods than it wants: an event stays for an hour, even if its cause is removed."""
    status, spec = workload.get("status") or {}, workload.get("spec") or {}
    if "desiredNumberScheduled" in status:
        return bool(status.get("currentNumberScheduled", 0) < status["desiredNumberScheduled"])
    return bool(status.get("replicas", 0) < spec.get("replicas", 1))


def _refused(kind: str, workload: Json, message: str, commands: StackCommands) -> Problem:
    namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
    next_command = f"kubectl --namespace {namespace} describe {kind.lower()} {name}"
    if "violates PodSecurity" in message:
        next_command = (
            f"`{namespace}: privileged` in access.podSecurity of the stack file, where its pods may have their machine;"
            f" {commands.up}"
        )
    return Problem(
        f"{kind} {namespace}/{name}",
        expected="the API server to take its pods",
        seen=message or "a pod that it refused",
        next_command=next_command,
    )
