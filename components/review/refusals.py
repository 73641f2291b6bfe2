"""Refusals: changes of a stack file that a running cluster cannot follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from components.host_files import kubeadm
from components.review.departures import (
    departures_through_dead_bastion,
    departures_without_sponsor,
    roles_that_change,
    virtual_address_of_leaving,
)
from components.review.encryption import keys_of_leaving, lost_keys
from components.review.endpoint import ENDPOINT, gets_name, impossible_endpoints
from components.review.moved_objects import moved_objects
from components.settings import Host
from components.settings.kubeadm_documents import argument_of, flags_of, value_at
from components.settings.stack_file import SettingsError
from components.settings.versions import (
    etcd_and_coredns_tags,
    etcd_can_follow,
    minor_of,
    numbers_of,
    removed_flag,
)
from components.steps.step import StepName
from components.steps.wanted import Wanted

FIXED = {
    "clusterName": "cluster.name",
    ENDPOINT: "cluster.controlPlaneEndpoint",
    "networking": "cluster.networking",
}
"""Settings by key of the ClusterConfiguration. kubeadm writes them into certificates, kubeconfigs and objects once."""
DESTROY = "destroy the cluster first, after a `pulumi up` with policy.resetOnDestroy: true"


def refuse_impossible_changes(wanted: Wanted) -> None:
    """Refuse settings that the cluster of the last update cannot follow.

    Raises:
        SettingsError: with every impossible change, and the way out.
    """
    problems = list(_problems(wanted))
    if problems:
        raise SettingsError(problems)


def _problems(wanted: Wanted) -> Iterator[str]:
    settings, last = wanted.settings, wanted.last
    if settings.cluster.id and last.identity and settings.cluster.id != wanted.identity:
        yield f"cluster.id: the cluster of this stack is {wanted.identity}, found {settings.cluster.id}; remove it"
    control_planes = last.control_planes()
    if not control_planes:
        return
    if not wanted.control_planes.members:
        found = ", ".join(host.name for host in settings.living_control_planes)
        yield (
            f"hosts: the cluster has the control plane{'s' if len(control_planes) > 1 else ''}"
            f" {', '.join(control_planes)}, found {found}; one has to stay until another has joined: write its line"
            " back, `pulumi up`, then delete it"
        )
        return
    yield from roles_that_change(wanted)
    yield from departures_without_sponsor(wanted)
    yield from departures_through_dead_bastion(wanted)
    yield from virtual_address_of_leaving(wanted)
    yield from _fixed(wanted)
    yield from lost_keys(wanted)
    yield from keys_of_leaving(wanted)
    yield from moved_objects(wanted)
    yield from _addresses(wanted)
    yield from _names(wanted)
    yield from _versions(wanted)


def _fixed(wanted: Wanted) -> Iterator[str]:
    step = wanted.step(wanted.control_planes.leader.name, StepName.PREPARE)
    before = _cluster_configuration(wanted.last.file(*step.key, kubeadm.PATH))
    after = _cluster_configuration(next(file.content for file in step.files if file.path == kubeadm.PATH))
    for key, path in FIXED.items():
        if before and before.get(key) != after.get(key) and not (key == ENDPOINT and gets_name(wanted, before, after)):
            name = "write a name, or " if key == ENDPOINT and gets_name(wanted, before, {}) else ""
            yield (
                f"{path}: cannot be changed once the cluster exists, found {_short(after.get(key))}, the cluster has"
                f" {_short(before.get(key))}; set it back, or {name}{DESTROY}"
            )
    yield from impossible_endpoints(wanted, before, after)


def _addresses(wanted: Wanted) -> Iterator[str]:
    """Changed addresses of nodes. A node registers with its address; certificates and etcd hold the control plane's."""
    for host in _nodes(wanted):
        before, now = wanted.last.value(host.name, StepName.PREPARE, "NODE_IP"), str(host.internal_ip)
        if before and before != now:
            way_out = (
                f"set it back, or {DESTROY}"
                if wanted.control_planes.is_alone(host)
                else f"set it back, or delete the line of {host.name}, `pulumi up`, write it anew, `pulumi up`; a"
                " machine that is dead needs `gone: true` first"
            )
            yield (
                f"hosts.{host.name}.{'nodeIp' if host.node_ip else 'address'}: a node keeps its address in the cluster,"
                f" found {now}, the node has {before}; {way_out}"
            )


def _names(wanted: Wanted) -> Iterator[str]:
    """Renamed nodes. An update would join the machine under the new name, and then reset it under the old name."""
    members = [name for name in wanted.last.hosts_with(StepName.MEMBERSHIP) if not wanted.last.has_departed(name)]
    prepared = {name: wanted.last.step(name, StepName.PREPARE) for name in members}
    nodes = {
        address: name
        for name, recorded in prepared.items()
        if recorded
        for address in (recorded.connection["host"], recorded.inputs.values.get("NODE_IP"))
    }
    for host in wanted.settings.hosts.values():
        addresses = {"address": str(host.address), "nodeIp": str(host.internal_ip)}
        setting = next((each for each in addresses if nodes.get(addresses[each], host.name) != host.name), None)
        if setting and not host.gone:
            node = nodes[addresses[setting]]
            yield (
                f"hosts.{host.name}.{setting}: {addresses[setting]} is node {node} of this cluster; to rename it delete"
                f" the line of {node}, `pulumi up`, which drains and resets it, then add {host.name}, `pulumi up`"
            )


def _nodes(wanted: Wanted) -> list[Host]:
    return [host for host in wanted.settings.hosts.values() if not host.gone and wanted.last.is_member(host.name)]


def _versions(wanted: Wanted) -> Iterator[str]:
    version, last = wanted.settings.cluster.kubernetes_version, wanted.last
    running = wanted.running_versions
    if not running:
        return
    yield from _flags(wanted)
    yield from _gates(wanted)
    oldest, newest = running[0], running[-1]
    if numbers_of(version) < numbers_of(newest):
        yield f"cluster.kubernetesVersion: kubeadm cannot go back from {newest} to {version}; set it to {newest}"
    elif minor_of(version) > minor_of(oldest) + 1:
        steps = ", then ".join(f"1.{minor}.x" for minor in range(minor_of(oldest) + 1, minor_of(version)))
        yield (
            f"cluster.kubernetesVersion: kubeadm upgrades one minor version at a time, found {version}, the cluster has"
            f" {oldest}; go to {steps}, then to {version}, with `pulumi up` after each"
        )
    elif len(last.control_planes()) > 1:
        yield from _etcd(wanted, oldest)


def _etcd(wanted: Wanted, running: str) -> Iterator[str]:
    """A version of etcd that several members cannot be upgraded to, by the tags of images, which a stack may set."""
    version = wanted.settings.cluster.kubernetes_version
    _, recorded = _of_leader(wanted)
    before = _etcd_tag(recorded, running)
    after = _etcd_tag(wanted.settings.cluster.cluster_configuration, version)
    if not etcd_can_follow(before, after):
        yield (
            f"cluster.kubernetesVersion: etcd {before} of {running} is older than 3.5.24, from which a cluster of"
            f" several members cannot go to etcd {after} of {version}; go to the newest patch of 1.{minor_of(running)},"
            " or to an imageTag of etcd.local from 3.5.24 on, first"
        )


def _etcd_tag(configuration: Mapping[str, Any], version: str) -> str:
    """The tag of the image of etcd in a ClusterConfiguration; without one, that of the Kubernetes version."""
    return str(value_at(configuration, "etcd.local.imageTag") or etcd_and_coredns_tags(version)[0])


def _flags(wanted: Wanted) -> Iterator[str]:
    """Flags of the running cluster that the new version lacks: kubeadm upgrades before it gets the new arguments."""
    version, (running, recorded) = wanted.settings.cluster.kubernetes_version, _of_leader(wanted)
    for part, content in recorded.items():
        for flag in flags_of(content):
            if removed_flag(part, flag, version):
                yield (
                    f"cluster.kubernetesVersion: the cluster still has --{flag} in {part}.extraArgs, which {version}"
                    f" does not know; remove the flag with version {running}, `pulumi up`, then upgrade"
                )


def _gates(wanted: Wanted) -> Iterator[str]:
    """Feature gates that an edit removes with an upgrade: kubeadm upgrades with them, and a new minor may lack them."""
    version, (running, recorded) = wanted.settings.cluster.kubernetes_version, _of_leader(wanted)
    if not running or minor_of(version) == minor_of(running):
        return
    step = wanted.step(wanted.control_planes.leader.name, StepName.PREPARE)
    stays = _gates_of(_cluster_configuration(next(file.content for file in step.files if file.path == kubeadm.PATH)))
    for path, gate in _gates_of(recorded):
        if (path, gate) not in stays:
            yield (
                f"cluster.kubernetesVersion: the cluster still has the feature gate {gate} in {path}, with which"
                f" kubeadm upgrades; remove the gate with version {running}, `pulumi up`, then upgrade to {version}"
            )


def _gates_of(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Path and name of each feature gate of kubeadm and of the programs of the control plane."""
    own = [("featureGates", name) for name in configuration.get("featureGates") or ()]
    arguments = {part: argument_of(content, "feature-gates") or "" for part, content in configuration.items()}
    return own + [
        (f"{part}.extraArgs", gate.partition("=")[0].strip())
        for part, gates in arguments.items()
        for gate in gates.split(",")
        if gate.strip()
    ]


def _of_leader(wanted: Wanted) -> tuple[str | None, dict[str, Any]]:
    """The version of the leader, and the ClusterConfiguration of the last update."""
    leader = wanted.control_planes.leader
    running = wanted.last.value(leader.name, wanted.node_step(leader), "KUBERNETES_VERSION")
    return running, _cluster_configuration(wanted.last.file(leader.name, StepName.PREPARE, kubeadm.PATH))


def _cluster_configuration(text: str | None) -> dict[str, Any]:
    documents = yaml.safe_load_all(text or "")
    return next((each for each in documents if each and each.get("kind") == "ClusterConfiguration"), {})


def _short(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()
