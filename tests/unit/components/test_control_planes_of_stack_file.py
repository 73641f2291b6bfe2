"""Control planes and endpoints of a stack file that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.support.several import host_line
from tests.unit.support.stacks import KEY, Stack, only_problem, problems, smallest


def small(roles: str = "ccc", **cluster: Any) -> Stack:
    """A small stack: a `c` for each control plane, a `w` for each worker."""
    stack = smallest()
    stack["cluster"] |= cluster
    names = {"c": "control-plane", "w": "worker"}
    stack["hosts"] = {
        f"node{number}": host_line(f"node{number}", names[role]) for number, role in enumerate(roles, start=1)
    }
    return stack


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ({"controlPlaneEndpoint": "192.0.2.11:6443"}, "the address of node1 with several control planes"),
        ({"controlPlaneEndpoint": "192.0.2.99:6443"}, "an address with several control planes"),
        (
            {"controlPlaneEndpoint": "192.0.2.12:6443", "loadBalancer": "external"},
            "the address of node2 with several control planes",
        ),
        ({"controlPlaneEndpoint": "192.0.2.99:6443", "loadBalancer": "external"}, None),
        ({"controlPlaneEndpoint": "192.0.2.99:6443", "loadBalancer": "local"}, "a name with `loadBalancer: local`"),
        ({"controlPlaneEndpoint": "api.test:8443", "loadBalancer": "local"}, "port 6443 with `loadBalancer: local`"),
        ({"controlPlaneEndpoint": "node3:6443", "loadBalancer": "local"}, "found the name of host node3"),
        ({"controlPlaneEndpoint": "api.test", "loadBalancer": "local"}, None),
        ({"controlPlaneEndpoint": "api.test:8443"}, None),
        ({"controlPlaneEndpoint": "node3:6443"}, "the name of host node3 with several control planes"),
        (
            {"controlPlaneEndpoint": "node3:6443", "loadBalancer": "external"},
            "the name of host node3 with several control planes",
        ),
        ({"loadBalancer": "external"}, "missing; `loadBalancer: external` needs"),
        ({}, None),
    ],
)
def test_an_endpoint_that_cannot_lead_to_several_control_planes_is_refused(
    cluster: dict[str, str], problem: str | None
) -> None:
    """In the preview, before anything is touched."""
    found = problems(small(**cluster))
    assert [each.partition(":")[0] for each in found] == (["cluster.controlPlaneEndpoint"] if problem else [])
    assert all(problem in each for each in found if problem)


@pytest.mark.parametrize("endpoint", ["192.0.2.11:6443", "node1:6443"])
def test_one_control_plane_may_have_an_address_as_its_endpoint(endpoint: str) -> None:
    """As clusters of kubeadm have it by default, or its name."""
    assert problems(small("cww", controlPlaneEndpoint=endpoint)) == []


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("192.0.2.12:6443", "of the control plane, or of your load balancer, found 192.0.2.12 of worker node2"),
        ("node3:6443", "of the control plane, or of your load balancer, found node3 of worker node3"),
        ("192.0.2.11:8443", "port 6443 of each API server, found 8443 of node1"),
        ("node1:443", "port 6443 of each API server, found 443 of node1"),
        ("10.96.0.1:6443", "10.96.0.1 lies in cluster.networking.serviceSubnet 10.96.0.0/12"),
        ("10.244.7.7", "10.244.7.7 lies in cluster.networking.podSubnet 10.244.0.0/16"),
        ("192.0.2.99:8443", None),
        ("node1", None),
    ],
)
def test_an_endpoint_at_which_no_api_server_is_found_is_refused(endpoint: str, problem: str | None) -> None:
    """The first update would wait for an API that nobody serves there."""
    found = problems(small("cww", controlPlaneEndpoint=endpoint))
    assert found == ([f"cluster.controlPlaneEndpoint: {problem}"] if problem else [])


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("[2001:db8::1]:6443", "expected a host name in lower case or an IPv4 address"),
        ("2001:db8::1", "expected a host name in lower case or an IPv4 address"),
        ("192.0.2.999:6443", "inet_aton(3) reads this name as an address"),
        ("10.1", "inet_aton(3) reads this name as an address"),
        ("localhost:6443", "each machine takes this name for itself"),
        ("127.0.0.1:6443", "other machines find nobody by this address"),
        ("0.0.0.0:6443", "other machines find nobody by this address"),
        ("0.0.0.9:6443", "other machines find nobody by this address"),
        ("224.0.0.18", "other machines find nobody by this address"),
        ("255.255.255.255", "other machines find nobody by this address"),
    ],
)
@pytest.mark.parametrize("balancer", ["local", "external"])
@pytest.mark.parametrize("roles", ["ccc", "cww"])
def test_an_endpoint_by_which_nodes_find_nobody_is_refused(
    endpoint: str, problem: str, balancer: str, roles: str
) -> None:
    """Each node would look for the API on itself, or nowhere."""
    found = only_problem(small(roles, controlPlaneEndpoint=endpoint, loadBalancer=balancer))
    assert found.startswith(f"cluster.controlPlaneEndpoint: {problem}")


@pytest.mark.parametrize("bastion", ["192.0.2.13", "10.0.0.13", "node3"])
def test_a_bastion_that_is_gone_is_refused(bastion: str) -> None:
    """Nothing could be done on any other machine, nor the dead one be taken out of the cluster."""
    stack = small()
    stack["hosts"]["node3"]["nodeIp"] = "10.0.0.13"
    stack["ssh"] = {"bastion": {"address": bastion, "hostKey": KEY}}
    assert problems(stack) == []
    stack["hosts"]["node3"]["gone"] = True
    assert only_problem(stack).startswith("ssh.bastion: all connections go through it, and hosts.node3 is gone")


@pytest.mark.parametrize(("roles", "refused"), [("ccc", True), ("cww", False)])
def test_several_control_planes_need_learners_of_etcd(roles: str, refused: bool) -> None:
    """A member that has a vote before it is complete stops the cluster when its machine dies."""
    found = problems(small(roles, kubernetesVersion="1.28.15"))
    assert bool(found) == refused
    assert all("several control planes need Kubernetes 1.29 or newer" in each for each in found)
    assert problems(small(roles, kubernetesVersion="1.29.15")) == []


@pytest.mark.parametrize(("roles", "what"), [("cww", "its only control plane"), ("ccw", "all its control planes")])
def test_a_stack_whose_control_planes_are_all_gone_is_refused(roles: str, what: str) -> None:
    """A cluster without any cannot be changed; recovery is another command."""
    stack = small(roles)
    for host in stack["hosts"].values():
        host["gone"] = host["role"] == "control-plane"
    assert only_problem(stack).startswith("hosts.node1.gone")
    assert only_problem(stack).endswith(f"a cluster cannot lose {what}; docs/how-to/lost-control-plane.md")
