"""What an update will do to the nodes, in words: what a reviewer reads first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pulumi

from components.addons.calico import calico_node_restarts
from components.control_plane import init_step
from components.host import images_step, prepare_step
from components.host_files import containerd, containerd_1_4, proxy
from components.settings import Host, Registry, Settings
from components.steps.connection import is_same_machine
from components.steps.last_update import LastUpdate, RecordedCommand
from components.steps.step import Step, brought_scripts, command_name, install_scripts
from components.worker import is_member, join_step, membership_name, membership_step

EFFECTS = {
    "/etc/containerd/config.toml": "containerd restarts, pods keep running",
    proxy.CONTAINERD: "containerd restarts, pods keep running",
    proxy.APT: "holds from the next package on, nothing restarts",
    "/etc/systemd/system.conf.d/kubernetes.conf": "systemd reads it at once",
    "/etc/sysctl.d/99-kubernetes.conf": "holds at once, nothing restarts",
    "/etc/modules-load.d/kubernetes.conf": "modules are loaded at once",
    "/etc/hosts": "nothing restarts",
    "/etc/crictl.yaml": "nothing restarts",
    "/etc/kubernetes/kubeadm/config.yaml": "for kubeadm only",
}
CONFIGURATION_FORMAT = re.compile(r"(?<=config\.toml)\.[\d.]+$")
OTHER_EFFECTS = {
    "/etc/apt/": "package lists are read anew",
    "/etc/containerd/certs.d/": "holds from the next pull on, nothing restarts",
}
"""By the beginning of a path."""


@dataclass(frozen=True)
class Asked:
    """What the stack asks for now.

    Attributes:
        images: what hosts pull early, under the names of their public registries.
        passwords: of the image registries, by their names.
    """

    settings: Settings
    images: list[str]
    passwords: Mapping[Registry, str]


def announce_plan(
    settings: Settings, last: LastUpdate, images: list[str], passwords: pulumi.Output[dict[str, str]]
) -> None:
    """The plan is in the log of the preview and of the update, above everything else where the diff is shown."""

    def announce(known: dict[str, str]) -> None:
        lines = plan(Asked(settings, images, known), last)
        pulumi.log.info("\n".join([f"Plan for cluster {settings.cluster.name}:", *lines]))

    passwords.apply(announce)


def plan(asked: Asked, last: LastUpdate) -> list[str]:
    """One line for each thing that will be done to a node; one line in all where nothing is."""
    lines = [
        *_control_plane(asked, last),
        *(line for host in asked.settings.workers for line in _worker(host, asked, last)),
        *_pod_network(asked.settings, last),
        *_leaving(asked.settings, last),
        *_scripts(asked.settings, last),
    ]
    return [f"  {line}" for line in lines] or ["  nothing is done to any node"]


def _control_plane(asked: Asked, last: LastUpdate) -> Iterator[str]:
    settings = asked.settings
    host, step = settings.control_plane, init_step(settings)
    if step.name not in last.commands:
        version = settings.cluster.kubernetes_version
        yield f"{host.name}: is prepared and becomes the control plane, Kubernetes {version}"
        return
    yield from _prepared(host, settings, last)
    yield from _images(host, asked, last)
    changed = _changed_values(step, last.commands[step.name])
    if "KUBERNETES_VERSION" in changed:
        yield (
            f"{host.name}: etcd is saved, then the control plane is {_upgraded(step, last)}: drained, restarted,"
            " uncordoned; the API does not answer for a moment"
        )
    elif {"CLUSTER_CONFIGURATION_SHA256"} & changed:
        yield f"{host.name}: the parts of the control plane whose arguments change restart"
    if "KUBELET_CONFIGURATION_SHA256" in changed and "KUBERNETES_VERSION" not in changed:
        yield f"{host.name}: kubelet restarts, pods keep running"
    if "KUBE_PROXY_CONFIGURATION_SHA256" in changed:
        yield "every node: kube-proxy restarts, one node after the other"
    if "CERTIFICATE_GENERATION" in changed:
        yield f"{host.name}: certificates are renewed, the control plane restarts, the kubeconfig is read anew"
    if "CONTROL_PLANE_TAINTS" in changed:
        yield f"{host.name}: taints change"


def _worker(host: Host, asked: Asked, last: LastUpdate) -> Iterator[str]:
    settings = asked.settings
    if host.gone:
        if membership_name(host) in last.commands:
            yield f"{host.name}: is gone: its node is deleted; nothing connects to the machine"
        return
    if not is_member(host, last):
        yield f"{host.name}: is prepared and joins, Kubernetes {settings.cluster.kubernetes_version}"
        return
    yield from _prepared(host, settings, last)
    yield from _images(host, asked, last)
    step = join_step(host, settings)
    changed = _changed_values(step, last.commands[step.name])
    if "KUBERNETES_VERSION" in changed:
        at_once = settings.policy.max_unavailable
        turn = f"{at_once} worker{'s' if at_once > 1 else ''} at a time"
        yield f"{host.name}: is drained, {_upgraded(step, last)}, and uncordoned; {turn}"
    elif "KUBELET_CONFIGURATION_SHA256" in changed:
        yield f"{host.name}: kubelet restarts, pods keep running"
    membership = membership_step(host, settings, last)
    if "TAINTS" in _changed_values(membership, last.commands[membership.name]):
        yield f"{host.name}: taints change"


def _prepared(host: Host, settings: Settings, last: LastUpdate) -> Iterator[str]:
    step = prepare_step(host, settings, last)
    recorded = last.commands.get(step.name)
    if recorded is None:
        return
    if recorded.stdin != step.text():
        before = recorded.told.files
        after = {file.path: file.content for file in step.files}
        paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        names = dict.fromkeys(CONFIGURATION_FORMAT.sub("", path) for path in paths)
        for name in names:
            yield f"{host.name}: {name} changes: {_effect(name)}"
        if not names and _changed_values(step, recorded):
            yield f"{host.name}: is looked at again, no file changes"
    elif not is_same_machine(recorded.connection, host, settings.ssh):
        yield f"{host.name}: is reached in another way, and looked at again"


def _images(host: Host, asked: Asked, last: LastUpdate) -> Iterator[str]:
    step = images_step(host, asked.settings, last, asked.images)
    recorded = last.commands.get(step.name)
    if recorded is None:
        return
    files = containerd.credential_files(asked.settings, asked.passwords)
    if recorded.told.files != {file.path: file.content for file in files}:
        may_restart = containerd_1_4.CRI_WITH_PASSWORDS in {*recorded.told.files, *(file.path for file in files)}
        effect = "containerd 1.4 restarts, newer ones do not; pods keep running" if may_restart else "nothing restarts"
        yield f"{host.name}: passwords of registries change: {effect}"
    new = set(step.values["IMAGES"].split()) - set(recorded.told.values.get("IMAGES", "").split())
    if new and "KUBERNETES_VERSION" not in _changed_values(step, recorded):
        yield f"{host.name}: pulls {', '.join(sorted(new))}"


def _pod_network(settings: Settings, last: LastUpdate) -> Iterator[str]:
    if calico_node_restarts(settings, last):
        yield "every node: calico-node restarts, one node after the other; pods keep running"


def _leaving(settings: Settings, last: LastUpdate) -> Iterator[str]:
    known = {host.name for host in settings.hosts.values()}
    names = [name.removesuffix("-prepare") for name in last.commands if name.endswith("-prepare")]
    for name in sorted(set(names) - known):
        if f"{name}-membership" in last.commands:
            seconds = settings.policy.drain_timeout_seconds
            yield f"{name}: is drained within {seconds} s, its node is deleted, the machine is reset"
        else:
            yield f"{name}: leaves the stack"


def _scripts(settings: Settings, last: LastUpdate) -> Iterator[str]:
    """What a new version of this project brings, which a preview shows as one long line."""
    after = brought_scripts(install_scripts())
    changed, hosts = dict[str, None](), []
    for host in settings.hosts.values():
        recorded = last.commands.get(command_name(host.name, "prepare"))
        before = after if recorded is None or host.gone else brought_scripts(recorded.stdin)
        names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        if names:
            changed |= dict.fromkeys(names)
            hosts.append(host.name)
    if hosts:
        yield f"{', '.join(hosts)}: get new scripts of this project and are looked at again: {', '.join(changed)}"


def _changed_values(step: Step, recorded: RecordedCommand) -> set[str]:
    before, after = recorded.told.values, {"HOST_NAME": step.host.name, **step.values}
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _upgraded(step: Step, last: LastUpdate) -> str:
    return f"upgraded from {last.value(step.name, 'KUBERNETES_VERSION')} to {step.values['KUBERNETES_VERSION']}"


def _effect(path: str) -> str:
    return EFFECTS.get(path) or next(
        (effect for beginning, effect in OTHER_EFFECTS.items() if path.startswith(beginning)), "nothing restarts"
    )
