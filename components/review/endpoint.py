"""Refusals of changes of the endpoint, by which the nodes of a running cluster find its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.settings.kubeadm_documents import value_at
from components.settings.stack import is_address
from components.steps.step import StepName
from components.steps.wanted import Wanted

ENDPOINT = "controlPlaneEndpoint"


def gets_name(wanted: Wanted, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True where an endpoint that was an address, or the name of the only control plane, becomes another name.

    Args:
        wanted: the steps of the cluster, and the last update.
        before: the ClusterConfiguration of the last update.
        after: the ClusterConfiguration of the stack.
    """
    old, new = _host(before), _host(after)
    return new != old and not is_address(new) and (is_address(old) or old in wanted.last.control_planes())


def impossible_endpoints(wanted: Wanted, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A line for each change that the nodes cannot follow one after the other.

    Args:
        wanted: the steps of the cluster, and the last update.
        before: the ClusterConfiguration of the last update.
        after: the ClusterConfiguration of the stack.
    """
    last, living = wanted.last, wanted.settings.living_control_planes
    if wanted.moves_endpoint and any(not last.is_member(host.name) for host in living):
        yield (
            "hosts: further control planes join when every node finds the API by its name; that takes two updates:"
            " write them after the `pulumi up` that changes cluster.controlPlaneEndpoint"
        )
    if gets_name(wanted, before, after):
        yield from _certificates(wanted, before, after)
    leader = wanted.control_planes.leader.name
    was_local = bool(last.value(leader, StepName.PREPARE, "API_HOST"))
    if was_local and wanted.settings.load_balancer == "external" and before.get(ENDPOINT) == after.get(ENDPOINT):
        yield (
            f"cluster.loadBalancer: nodes find {_host(after)} in /etc/hosts, and kube-proxy keeps what it found; a"
            " load balancer of yours comes with the first update, found external; set it back to local"
        )


def _certificates(wanted: Wanted, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Names that no certificate would have while some nodes find the API by the address, and others by the name.

    kubeadm gives a certificate the endpoint, the control plane's own name and address, and `certSANs`. The first
    control plane that changes has a new certificate before anything leads to the name, the others have not.
    """
    members, old, new = wanted.last.control_planes(), _host(before), _host(after)
    own = [*members, *(wanted.last.value(name, StepName.PREPARE, "NODE_IP") for name in members)]
    path = "cluster.clusterConfiguration.apiServer.certSANs"
    if len(members) == 1 and old not in {*own, *_names(after)}:
        yield (
            f"cluster.controlPlaneEndpoint: nodes find the API at {old} until they change, one after the other, and no"
            f" certificate would have this address; add it to {path}"
        )
    elif len(members) > 1 and (old not in _names(after) or new not in _names(before)):
        yield (
            f"cluster.controlPlaneEndpoint: control planes change one after the other, and until then nodes need {old}"
            f" and {new} in every certificate; add both to {path}, `pulumi up`, then change the endpoint"
        )


def _names(configuration: Mapping[str, Any]) -> list[str]:
    return list(value_at(configuration, "apiServer.certSANs") or ())


def _host(configuration: Mapping[str, Any]) -> str:
    return str(configuration.get(ENDPOINT, "")).partition(":")[0]
