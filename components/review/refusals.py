"""Changes of a stack file that a running cluster cannot follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from components.control_plane import init_step
from components.host import prepare_step
from components.host_files import kubeadm
from components.settings import Host, Settings
from components.settings.stack_file import SettingsError
from components.settings.versions import minor_of, removed_flag
from components.steps.last_update import LastUpdate
from components.steps.step import command_name
from components.worker import is_member, join_name

FIXED = {
    "clusterName": "cluster.name",
    "controlPlaneEndpoint": "cluster.controlPlaneEndpoint (or the address of the control plane)",
    "networking": "cluster.networking",
}
"""Of the ClusterConfiguration: kubeadm writes them into certificates, kubeconfigs and objects, and never again."""
DESTROY = "destroy the cluster first, after a `pulumi up` with policy.resetOnDestroy: true"


def refuse_impossible_changes(settings: Settings, last: LastUpdate) -> None:
    """The stack file says nothing that the cluster of the last update cannot become.

    Raises:
        SettingsError: with every change that cannot be made, and the way out.
    """
    problems = list(_problems(settings, last))
    if problems:
        raise SettingsError(problems)


def _problems(settings: Settings, last: LastUpdate) -> Iterator[str]:
    initialised = [name.removesuffix("-init") for name in last.commands if name.endswith("-init")]
    if not initialised:
        return
    (control_plane,) = initialised
    if control_plane != settings.control_plane.name:
        yield (
            f"hosts: the control plane of this cluster is {control_plane}, found {settings.control_plane.name};"
            f" it cannot move: make another stack, or {DESTROY}"
        )
        return
    yield from _fixed(settings, last)
    yield from _addresses(settings, last)
    yield from _names(settings, last)
    yield from _versions(settings, last)


def _fixed(settings: Settings, last: LastUpdate) -> Iterator[str]:
    name = command_name(settings.control_plane.name, "prepare")
    before = _cluster_configuration(last.file(name, kubeadm.PATH))
    files = prepare_step(settings.control_plane, settings, last).files
    after = _cluster_configuration(next(file.content for file in files if file.path == kubeadm.PATH))
    for key, path in FIXED.items():
        if before and before.get(key) != after.get(key):
            yield (
                f"{path}: cannot be changed once the cluster exists, found {_short(after.get(key))}, the cluster has"
                f" {_short(before.get(key))}; set it back, or {DESTROY}"
            )


def _addresses(settings: Settings, last: LastUpdate) -> Iterator[str]:
    """Of nodes. The kubelet is told when the node registers; certificates and etcd hold the control plane's."""
    for host in _nodes(settings, last):
        before, now = last.value(command_name(host.name, "prepare"), "NODE_IP"), str(host.internal_ip)
        if before and before != now:
            way_out = (
                f"set it back, or {DESTROY}"
                if host.role == "control-plane"
                else f"set it back, or delete the line of {host.name}, `pulumi up`, write it anew, `pulumi up`; a"
                " machine that is dead needs `gone: true` first"
            )
            yield (
                f"hosts.{host.name}.{'nodeIp' if host.node_ip else 'address'}: a node keeps its address in the cluster,"
                f" found {now}, the node has {before}; {way_out}"
            )


def _names(settings: Settings, last: LastUpdate) -> Iterator[str]:
    """A node under a new name: it would be joined as the new one, and then reset as the old one."""
    names = [name.removesuffix("-membership") for name in last.commands if name.endswith("-membership")]
    prepared = {name: last.commands.get(command_name(name, "prepare")) for name in names}
    nodes = {recorded.connection["host"]: name for name, recorded in prepared.items() if recorded}
    for host in settings.hosts.values():
        node = nodes.get(str(host.address))
        if node and node != host.name and not host.gone:
            yield (
                f"hosts.{host.name}.address: {host.address} is node {node} of this cluster; to rename it delete the"
                f" line of {node}, `pulumi up`, which drains and resets it, then add {host.name}, `pulumi up`"
            )


def _nodes(settings: Settings, last: LastUpdate) -> list[Host]:
    return [settings.control_plane, *(host for host in settings.workers if not host.gone and is_member(host, last))]


def _versions(settings: Settings, last: LastUpdate) -> Iterator[str]:
    wanted = settings.cluster.kubernetes_version
    names = [init_step(settings).name, *(join_name(host) for host in settings.workers if is_member(host, last))]
    running = {version for name in names if (version := last.value(name, "KUBERNETES_VERSION"))}
    if not running:
        return
    yield from _flags(settings, last)
    oldest, newest = min(running, key=_numbers), max(running, key=_numbers)
    if _numbers(wanted) < _numbers(newest):
        yield f"cluster.kubernetesVersion: kubeadm cannot go back from {newest} to {wanted}; set it to {newest}"
    elif minor_of(wanted) > minor_of(oldest) + 1:
        steps = ", then ".join(f"1.{minor}.x" for minor in range(minor_of(oldest) + 1, minor_of(wanted)))
        yield (
            f"cluster.kubernetesVersion: kubeadm upgrades one minor version at a time, found {wanted}, the cluster has"
            f" {oldest}; go to {steps}, then to {wanted}, with `pulumi up` after each"
        )


def _flags(settings: Settings, last: LastUpdate) -> Iterator[str]:
    """kubeadm upgrades with the arguments that the cluster has; those of the stack file are applied afterwards."""
    wanted, name = settings.cluster.kubernetes_version, settings.control_plane.name
    running = last.value(init_step(settings).name, "KUBERNETES_VERSION")
    recorded = _cluster_configuration(last.file(command_name(name, "prepare"), kubeadm.PATH))
    for part, content in recorded.items():
        for flag in kubeadm.flags_of(content):
            if removed_flag(part, flag, wanted):
                yield (
                    f"cluster.kubernetesVersion: the cluster still has --{flag} in {part}.extraArgs, which {wanted}"
                    f" does not know; take it away with version {running}, `pulumi up`, then upgrade"
                )


def _cluster_configuration(text: str | None) -> dict[str, Any]:
    documents = yaml.safe_load_all(text or "")
    return next((each for each in documents if each and each.get("kind") == "ClusterConfiguration"), {})


def _short(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
