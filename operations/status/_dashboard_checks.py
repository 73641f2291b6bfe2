"""Problems of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

from components.addons.dashboard import METRICS_SCRAPER
from components.addons.dashboard import NAMESPACE as DASHBOARD
from components.settings import Settings
from operations.stack.commands import StackCommands
from operations.status._cluster_state import ClusterState
from operations.status._pod_network_checks import is_pod_network
from problem import Problem


def dashboard_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """Problems of the metrics scraper. Workloads and pods of the dashboard are checked as those of every add-on."""
    if state.deployments is None or not settings.dashboard.has_node_port:
        return
    of_dashboard = (each for each in state.deployments if each["metadata"]["namespace"] == DASHBOARD)
    scraper = next((each for each in of_dashboard if each["metadata"]["name"] == METRICS_SCRAPER), None)
    if scraper is None:
        return
    wanted = settings.dashboard.metrics_scraper_host_network
    has = bool(scraper["spec"]["template"]["spec"].get("hostNetwork"))
    if has != wanted:
        yield Problem(
            "dashboard: metrics scraper",
            expected="the host's network, as the stack says" if wanted else "the pod network, as the stack says",
            seen="the host's network" if has else "no host network",
            next_command=commands.refresh,
        )
    elif state.scraper_failure and scraper["status"].get("availableReplicas") and not is_pod_network(state):
        yield Problem(
            "dashboard: metrics scraper",
            expected="the API server to reach the scraper",
            seen=f"{state.scraper_failure}{'' if has else '; it has no host network'}",
            next_command=f"set dashboard.metricsScraperHostNetwork: true in the stack file, {commands.up}: with a"
            " NodePort the dashboard reads its metrics through the API server, which must reach the pod",
        )
