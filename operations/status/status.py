"""Say what is wrong with a cluster and its hosts, and what to do; exit status 1 where something is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.settings import Host, Settings
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.access.api import Api
from operations.access.kubeconfig_file import path_of
from operations.access.servers import answering_kubeconfig
from operations.hosts.ssh import on_each
from operations.stack.commands import StackCommands
from operations.stack.stacks import SelectedStack, selected_stack
from operations.status._addon_checks import addon_problems
from operations.status._api_service_checks import api_service_problems
from operations.status._cluster_checks import cluster_problems, ready_condition
from operations.status._cluster_state import ClusterState, cluster_state
from operations.status._dashboard_checks import dashboard_problems
from operations.status._etcd_checks import reporter
from operations.status._host_checks import facts_of, host_problems
from operations.status._pod_checks import pod_problems
from operations.status._pod_network_checks import pod_network_problems
from operations.status._port_checks import port_problems
from operations.status._workload_checks import workload_problems
from problem import Problem, StepError, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("--kubeconfig", type=path_of, help="a file instead of the kubeconfig in the stack's state")


def run(arguments: argparse.Namespace) -> None:
    """Check cluster and hosts, change nothing, and print each problem once all are known.

    Raises:
        StepError: something is wrong.
    """
    stack = selected_stack(arguments.stack)
    settings = stack.settings()
    were_nodes = _recorded_nodes(stack, settings)
    unseen = "" if were_nodes is not None else "; etcd, marks and ports were not looked at: the state cannot be read"
    were_nodes = were_nodes or {}
    state, problems = _cluster(stack, settings, arguments.kubeconfig, were_nodes)
    print(_summary(state))
    hosts = [host for host in settings.hosts.values() if not host.gone]
    problems += _hosts(hosts, settings, stack.commands, state, were_nodes)
    for problem in problems:
        print(f"\n{problem}")
    if problems:
        raise StepError(
            f"status of {stack.name}",
            expected="no problem",
            seen=f"{len(problems)} problem(s), all of them above{unseen}",
            next_command=f"start with the first one, then {stack.commands.status}",
        )
    print(f"{stack.name}: all is well on {len(hosts)} host(s) and in the cluster{unseen}")


def _cluster(
    stack: SelectedStack, settings: Settings, kubeconfig: Path | None, were_nodes: Mapping[str, str]
) -> tuple[ClusterState, list[Problem]]:
    """The state of the cluster, and its problems. Hosts are checked even where the API server does not answer."""
    try:
        content = kubeconfig.read_text() if kubeconfig else answering_kubeconfig(stack)
        state = cluster_state(Api.of(content, stack.commands), with_dashboard=settings.dashboard.has_node_port)
    except (OSError, UnicodeDecodeError) as error:
        raise StepError(
            "read the kubeconfig", expected=f"the file {kubeconfig}", seen=str(error), next_command="KUBECONFIG=FILE"
        ) from error
    except StepError as error:
        return ClusterState(), [error.problem]
    found = [
        *cluster_problems(state, settings, stack.commands, were_nodes),
        *addon_problems(state, settings, stack.commands),
        *pod_network_problems(state, stack.commands),
        *workload_problems(state, stack.commands),
        *pod_problems(state, settings, stack.commands),
        *dashboard_problems(state, settings, stack.commands),
        *api_service_problems(state, settings, stack.commands),
    ]
    return state, found


def _recorded_nodes(stack: SelectedStack, settings: Settings) -> dict[str, str] | None:
    """Hosts that the last update left as nodes, and the sponsor of each, or nothing for the only control plane.

    None where the user may not read the state.
    """
    try:
        recorded = stack.recorded_inputs()
    except StepError:
        return None
    nodes = {host for host, step in recorded if step in {StepName.INIT, StepName.JOIN} and host in settings.hosts}
    memberships = {host: recorded.get((host, StepName.MEMBERSHIP)) for host in nodes}
    return {host: inputs_of(text).values.get("HOST_NAME", "") if text else "" for host, text in memberships.items()}


def _hosts(
    hosts: Sequence[Host],
    settings: Settings,
    commands: StackCommands,
    state: ClusterState,
    were_nodes: Mapping[str, str],
) -> Iterator[Problem]:
    """Problems of each host, and last those between hosts, which need the facts of all."""
    names = None if state.nodes is None else {node["metadata"]["name"] for node in state.nodes}
    answers = list(on_each(hosts, lambda host: facts_of(host, settings, were_nodes)))
    facts = {host.name: answer for host, answer in answers if not isinstance(answer, Problem)}
    first = reporter(facts, were_nodes)
    for host, answer in answers:
        if isinstance(answer, Problem):
            yield answer
            continue
        yield from host_problems(
            host,
            settings,
            answer,
            commands,
            is_node=None if names is None else host.name in names,
            were_nodes=were_nodes,
            reports=host.name == first,
        )
    yield from port_problems(settings, facts, commands)


def _summary(state: ClusterState) -> str:
    """A line for each node, such as kubectl has."""
    lines = []
    for node in state.nodes or []:
        is_ready = ready_condition(node).get("status") == "True"
        version = printable(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", "unknown"))
        version = version.replace("\n", " ")  # a node says what it likes
        lines.append(f"{node['metadata']['name']:24} {version:10} {'Ready' if is_ready else 'NotReady'}")
    if state.pods is not None:
        running = sum(pod.get("status", {}).get("phase") in {"Running", "Succeeded"} for pod in state.pods)
        lines.append(f"{running} of {len(state.pods)} pods run")
    return "\n".join(lines)
