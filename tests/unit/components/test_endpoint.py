"""The endpoint of a running cluster: that of one machine may become a name, once, and before the cluster grows."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tests.unit.support.planning import impossible, planned, state_of
from tests.unit.support.recording import Recording, record
from tests.unit.support.several import several
from tests.unit.support.stacks import Stack

ADDRESS = "192.0.2.11:6443"


OF_OWNER = "192.0.2.99:6443"
THREE = "node1 node2 node3"


def stack_with(
    directory: Path, endpoint: str | None, control_planes: str = "node1", *names: str, balancer: str | None = None
) -> Stack:
    """One control plane and two workers, or more; the certificates of the API servers have further names."""
    stack = several(directory, control_planes)
    stack["cluster"] |= {"controlPlaneEndpoint": endpoint} if endpoint else {}
    stack["cluster"] |= {"loadBalancer": balancer} if balancer else {}
    stack["cluster"] |= {"clusterConfiguration": {"apiServer": {"certSANs": list(names)}}} if names else {}
    return stack


@pytest.fixture(scope="module")
def addressed(directory: Path) -> Recording:
    """A cluster whose endpoint is the address of its control plane."""
    return record(stack_with(directory, ADDRESS), preview=False)


@pytest.mark.parametrize("endpoint", [ADDRESS, "node1:6443"])
def test_an_endpoint_of_one_machine_becomes_a_name_on_every_node(directory: Path, endpoint: str) -> None:
    """Every host learns the name before the control plane uses it; workers change in turn."""
    stack = stack_with(directory, None)
    addressed = record(stack_with(directory, endpoint), preview=False)
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


@pytest.mark.parametrize(("endpoint", "number"), [(None, 1), (ADDRESS, 0)])
def test_the_address_that_an_earlier_version_recorded_in_the_identity_becomes_a_name(
    directory: Path, addressed: Recording, endpoint: str | None, number: int
) -> None:
    """0.2.0 had no other record of it, and the address of the machine beside it."""
    last = state_of(addressed)
    steps = {
        key: dataclasses.replace(
            step,
            stdin=re.sub("export API_SERVER=.*\n", "", step.stdin).replace(
                f"endpoint {ADDRESS},", f"endpoint {ADDRESS}, node 192.0.2.11,"
            ),
        )
        for key, step in last.steps.items()
    }
    plan = planned(stack_with(directory, endpoint), dataclasses.replace(last, steps=steps))
    assert len([line for line in plan if line.startswith("every node: finds the API at")]) == number


def test_a_cluster_with_an_address_grows_in_the_next_update(directory: Path, addressed: Recording) -> None:
    """A control plane that joined meanwhile would be found by half of the nodes only."""
    (problem,) = impossible(stack_with(directory, None, "node1 node2 node3"), state_of(addressed))
    assert "further control planes join when every node finds the API by its name" in problem
    named = record(stack_with(directory, None), preview=False, before=addressed)
    assert impossible(stack_with(directory, None, "node1 node2 node3"), state_of(named)) == []


@pytest.mark.parametrize("endpoint", [ADDRESS, "192.0.2.99:6443", "other.example.com:6443", "node1:6443"])
def test_a_name_stays(directory: Path, endpoint: str) -> None:
    """Nothing in the cluster would know the new one."""
    named = record(stack_with(directory, None), preview=False)
    (problem,) = impossible(stack_with(directory, endpoint), state_of(named))
    assert problem.startswith("cluster.controlPlaneEndpoint: cannot be changed once the cluster exists")
    assert "; set it back, or destroy" in problem


@pytest.mark.parametrize("before", [ADDRESS, "node1:6443"])
def test_an_endpoint_of_one_machine_does_not_become_an_address(directory: Path, before: str) -> None:
    """Certificates have the old one. A name is the way out, and in the message."""
    known = state_of(record(stack_with(directory, before), preview=False))
    (problem,) = impossible(stack_with(directory, "192.0.2.99:6443"), known)
    assert problem.startswith("cluster.controlPlaneEndpoint: cannot be changed once the cluster exists")
    assert "; set it back, or write a name, or destroy" in problem
    assert impossible(stack_with(directory, "lb.example.com:6443"), known) == []


def test_an_address_of_a_load_balancer_stays_in_the_certificate_until_every_node_has_the_name(directory: Path) -> None:
    """kubeadm gives a certificate the endpoint and the own address alone: half of the nodes would trust nobody."""
    known = state_of(record(stack_with(directory, OF_OWNER), preview=False))
    (problem,) = impossible(stack_with(directory, None), known)
    assert "nodes find the API at 192.0.2.99 until they change" in problem
    assert problem.endswith("add it to cluster.clusterConfiguration.apiServer.certSANs")
    assert impossible(stack_with(directory, None, "node1", "192.0.2.99"), known) == []


def test_several_control_planes_have_both_ends_of_a_move_in_their_certificates_before_it(directory: Path) -> None:
    """Those that change later would serve nodes that find them by the name already."""
    before = record(stack_with(directory, OF_OWNER, THREE, balancer="external"), preview=False)
    names = ("192.0.2.99", "api.dev.internal")
    (problem,) = impossible(stack_with(directory, None, THREE, *names), state_of(before))
    assert "until then nodes need 192.0.2.99 and api.dev.internal in every certificate" in problem
    named = record(stack_with(directory, OF_OWNER, THREE, *names, balancer="external"), preview=False, before=before)
    assert impossible(stack_with(directory, None, THREE, *names), state_of(named)) == []
    (problem,) = impossible(stack_with(directory, None, THREE), state_of(named))
    assert "until then nodes need 192.0.2.99" in problem


def test_no_control_plane_comes_in_the_place_of_another_while_the_endpoint_changes(directory: Path) -> None:
    """It joins as any other."""
    names = ("192.0.2.99", "api.dev.internal")
    known = state_of(record(stack_with(directory, OF_OWNER, THREE, *names, balancer="external"), preview=False))
    (problem,) = impossible(stack_with(directory, None, "node1 node2 node4", *names), known)
    assert problem.startswith("hosts: further control planes join when every node finds the API by its name")


@pytest.mark.parametrize("control_planes", ["node1", THREE])
def test_a_name_in_the_files_of_hosts_is_not_left_to_name_servers(directory: Path, control_planes: str) -> None:
    """kube-proxy has the /etc/hosts of its start, which leads to an haproxy that stops."""
    known = state_of(record(stack_with(directory, None, control_planes), preview=False))
    other = stack_with(directory, "api.dev.internal:6443", control_planes, balancer="external")
    (problem,) = impossible(other, known)
    assert problem.startswith("cluster.loadBalancer: nodes find api.dev.internal in /etc/hosts")
    assert problem.endswith("set it back to local")


def test_a_name_of_name_servers_may_come_into_the_files_of_hosts(directory: Path) -> None:
    """Each worker gets an haproxy before the name leads there, and kube-proxy restarts; no kubelet does."""
    name = "api.example.com:6443"
    before = record(stack_with(directory, name, THREE, balancer="external"), preview=False)
    stack = stack_with(directory, name, THREE, balancer="local")
    assert impossible(stack, state_of(before)) == []
    lines = planned(stack, state_of(before))
    way = "the name of the API leads to haproxy; kube-proxy restarts, the kubelet does not"
    assert f"node8: /etc/haproxy/kubernetes-api.cfg comes: {way}" in lines
    restarts = "kube-proxy restarts where the address of the API server changes, otherwise nothing"
    assert f"node1: /etc/hosts changes: {restarts}" in lines
    assert not [line for line in lines if "kubelet restarts" in line]
