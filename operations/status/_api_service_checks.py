"""APIs that a pod has to serve, such as that of metrics-server, and that do not answer."""

from __future__ import annotations

from collections.abc import Iterator

from components.addons.metrics_server import API as METRICS
from components.settings import Settings
from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from operations.status._pod_network_checks import is_pod_network
from problem import Problem

UNREACHED = "FailedDiscoveryCheck"
"""Reason that the API server gives if a ready pod does not answer."""


def api_service_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """A problem for each API that is registered and does not answer, and for a missing one of metrics-server."""
    if state.api_services is None:
        return
    names = {each["metadata"]["name"] for each in state.api_services}
    if settings.metrics_server.enabled and METRICS not in names:
        yield Problem(
            "add-on metrics-server",
            expected=f"the APIService {METRICS}",
            seen="none",
            next_command=f"{commands.refresh} applies it again",
        )
    for each in state.api_services:
        condition = _available(each)
        is_unreached = condition.get("reason") == UNREACHED and is_pod_network(state)
        if condition.get("status") != "True" and not is_unreached:
            yield _unavailable(each["metadata"]["name"], condition, settings, commands)


def _available(api_service: Json) -> Json:
    conditions = (api_service.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == "Available"), {})


def _unavailable(name: str, condition: Json, settings: Settings, commands: StackCommands) -> Problem:
    reason, message = condition.get("reason", "no condition Available"), condition.get("message", "")
    seen = f"{reason}: {message}" if message else reason
    if name != METRICS or not settings.metrics_server.enabled:
        return Problem(
            f"API {name}",
            expected="a pod that serves it; without one no namespace can be deleted",
            seen=seen,
            next_command=f"kubectl describe apiservice {name}; kubectl delete apiservice {name} where nothing needs it",
        )
    mended = "kubectl --namespace kube-system logs deployment/metrics-server says why it is not ready"
    if reason == UNREACHED and not settings.metrics_server.host_network:
        mended = (
            f"where the API server reaches no pod: metricsServer.hostNetwork: true in the stack file, {commands.up}"
        )
    return Problem(
        "add-on metrics-server",
        expected="the API server to reach it: kubectl top and autoscalers need it, and the deletion of a namespace",
        seen=seen,
        next_command=mended,
    )
