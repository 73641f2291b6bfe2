"""The order of a first update, as docs/architecture.md draws it from what the program registers."""

from __future__ import annotations

from pathlib import Path

from local.paths import REPOSITORY
from operations.stack._diagram import Graph
from tests.unit.support.golden import assert_golden
from tests.unit.support.recording import Recording, Registered, record, stack_of

HEAD = "# Written by UPDATE_GOLDEN=1 pytest tests/unit/components/test_order.py; drawn by `make configuration`.\n"
CLUSTER = "cluster"
STATE, OBJECTS = "state", "Kubernetes"


def step_of(resource: Registered) -> str:
    """The lane and the name that a resource is drawn by: the step of a host, or the component that it belongs to."""
    component = str(resource.request.parent).rpartition("::")[2].removeprefix(f"{CLUSTER}/")
    if resource.request.type == "command:remote:Command":
        # The kubeconfig is read from the first control plane; the other steps name their host.
        return resource.name.replace("access/", "node1/")
    if resource.request.type == "pulumi:providers:kubernetes":
        return "node1/kubeconfig"
    if resource.request.type == "pulumi:index:Stash" and component in {CLUSTER, "lifetime"}:
        return f"{STATE}/{resource.name}"
    return f"{OBJECTS}/{'node addresses' if component == CLUSTER else component}"


def order_of(run: Recording) -> Graph:
    """The steps of an update, and the steps that each of them waits for."""
    resources = [each for each in run.resources if not each.request.type.startswith("kubeadm:")]
    steps = {each.urn.rpartition("::")[2]: step_of(each) for each in resources}
    graph: dict[str, set[str]] = {step: set() for step in steps.values()}
    for each in resources:
        provider = str(each.request.provider).rpartition("::")[0]  # URN, and an identifier
        urns = [*each.request.dependencies, *([provider] if each.request.type.startswith("kubernetes:") else [])]
        needed = {steps[urn.rpartition("::")[2]] for urn in urns if urn.rpartition("::")[2] in steps}
        graph[step_of(each)] |= needed - {step_of(each)}
    return {name: frozenset(needed) for name, needed in graph.items()}


def test_the_order_of_a_first_update_is_the_one_that_is_drawn(directory: Path) -> None:
    """Golden: one control plane and one worker, with the images of a registry that wants a password."""
    order = order_of(record(stack_of(directory, "node2"), preview=False))
    lanes = (STATE, "node1", "node2", OBJECTS)
    names = sorted(order, key=lambda name: (lanes.index(name.partition("/")[0]), name))
    lines = (f"{name}: {', '.join(sorted(order[name]))}".strip() + "\n" for name in names)
    assert_golden("order.graph", HEAD + "".join(lines), REPOSITORY / "docs" / "pictures")


def test_a_worker_joins_after_the_pod_network_and_add_ons_come_after_the_workers(directory: Path) -> None:
    """The arrows that reviewers rely on, also where the golden file is written anew."""
    order = order_of(record(stack_of(directory, "node2"), preview=False))
    assert f"{OBJECTS}/calico" in order["node2/membership"]
    assert "node1/init" in order["node1/kubeconfig"]
    assert f"{STATE}/joined" in order[f"{OBJECTS}/metrics-server"]
    assert order["node2/prepare"] == order["node1/prepare"]
