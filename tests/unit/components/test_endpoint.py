"""The endpoint of a running cluster: an address may become a name, once, and before the cluster grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.support.planning import impossible, planned, state_of
from tests.unit.support.recording import Recording, record
from tests.unit.support.several import several
from tests.unit.support.stacks import Stack

ADDRESS = "192.0.2.11:6443"


def stack_with(directory: Path, endpoint: str | None, control_planes: str = "node1") -> Stack:
    """One control plane and two workers, or more."""
    stack = several(directory, control_planes)
    stack["cluster"] |= {"controlPlaneEndpoint": endpoint} if endpoint else {}
    return stack


@pytest.fixture(scope="module")
def addressed(directory: Path) -> Recording:
    """A cluster whose endpoint is the address of its control plane."""
    return record(stack_with(directory, ADDRESS), preview=False)


def test_an_address_becomes_a_name_on_every_node(directory: Path, addressed: Recording) -> None:
    """Every host learns the name before the control plane uses it; workers change in turn."""
    stack = stack_with(directory, None)
    assert impossible(stack, state_of(addressed)) == []
    after = record(stack, preview=False, before=addressed)
    changed = {name for name in after.changed_since(addressed) if name.count("/") == 1}
    of_workers = {f"{host}/{step}" for host in ("node8", "node9") for step in ("prepare", "join")}
    assert changed == {"node1/prepare", "node1/init", *of_workers}
    init = after.commands["node1/init"]
    awaited = {urn.rpartition("::")[2] for urn in init.request.dependencies}
    assert {f"cluster/{host}/prepare" for host in ("node1", "node8", "node9")} <= awaited
    line = "every node: finds the API at api.dev.internal:6443; kube-proxy restarts everywhere, the kubelet of each"
    assert any(each.startswith(line) for each in planned(stack, state_of(addressed)))


def test_a_cluster_with_an_address_grows_in_the_next_update(directory: Path, addressed: Recording) -> None:
    """A control plane that joined meanwhile would be found by half of the nodes only."""
    (problem,) = impossible(stack_with(directory, None, "node1 node2 node3"), state_of(addressed))
    assert "further control planes join when every node finds the API by its name" in problem
    named = record(stack_with(directory, None), preview=False, before=addressed)
    assert impossible(stack_with(directory, None, "node1 node2 node3"), state_of(named)) == []


@pytest.mark.parametrize("endpoint", [ADDRESS, "192.0.2.99:6443", "other.example.com:6443"])
def test_a_name_stays(directory: Path, endpoint: str) -> None:
    """Nothing in the cluster would know the new one."""
    named = record(stack_with(directory, None), preview=False)
    (problem,) = impossible(stack_with(directory, endpoint), state_of(named))
    assert problem.startswith("cluster.controlPlaneEndpoint: cannot be changed once the cluster exists")


def test_an_address_does_not_become_another(directory: Path, addressed: Recording) -> None:
    """Certificates have the old one."""
    (problem,) = impossible(stack_with(directory, "192.0.2.99:6443"), state_of(addressed))
    assert problem.startswith("cluster.controlPlaneEndpoint: cannot be changed once the cluster exists")
