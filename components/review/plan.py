"""The plan: the changes of an update to the nodes, in words. A reviewer reads the plan first."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pulumi

from components.addons.calico import CALICO, NODE, configuration_of
from components.addons.manifests import object_name
from components.host_files import backup
from components.review.changed_objects import addon_changes, label_changes, object_changes
from components.review.encryption import key_changes
from components.review.passwords import Passwords, password_changes
from components.review.preparation import connection_changes, preparation_changes
from components.settings import Host
from components.settings.passwords import Secrets
from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.step import StepName
from components.steps.wanted import Wanted

POLICIES = {
    "IGNORE_PREFLIGHT_ERRORS": "cluster.ignorePreflightErrors",
    "RESET_ON_FAILURE": "policy.resetOnFailure",
    "DRAIN_TIMEOUT_SECONDS": "policy.drainTimeoutSeconds",
}
"""Settings that change nothing on a node, by the variable that carries them."""


def announce_plan(wanted: Wanted, secrets: Secrets) -> None:
    """Log the plan in the preview and in the update, above the diff."""

    def announce(known: list[dict[str, str]]) -> None:
        lines = plan(wanted, Passwords(*known))
        pulumi.log.info("\n".join([f"Plan for cluster {wanted.settings.cluster.name}:", *lines]))

    pulumi.Output.all(secrets.registry_passwords, secrets.repository_passwords).apply(announce)


def plan(wanted: Wanted, passwords: Passwords) -> list[str]:
    """A line for each change of a node; a single line if no node changes.

    Args:
        wanted: the steps of the cluster, and the last update.
        passwords: passwords of the stack.
    """
    lines = [
        *(line for host in wanted.settings.control_planes for line in _control_plane(host, wanted, passwords)),
        *(line for host in wanted.settings.workers for line in _worker(host, wanted, passwords)),
        *_endpoint(wanted),
        *key_changes(wanted),
        *_kubeconfig(wanted),
        *_backup(wanted),
        *_sponsors(wanted),
        *_pod_network(wanted),
        *label_changes(wanted),
        *addon_changes(wanted),
        *object_changes(wanted, passwords.registries),
        *_leaving(wanted),
        *connection_changes(wanted),
        *_scripts(wanted),
    ]
    return [f"  {line}" for line in lines] or ["  nothing is done to any node"]


def _control_plane(host: Host, wanted: Wanted, passwords: Passwords) -> Iterator[str]:
    version, step = wanted.settings.cluster.kubernetes_version, wanted.node_step(host)
    if host.gone:
        yield from _gone(host, wanted, "its member of etcd is removed and its node deleted")
        return
    if not wanted.last.is_member(host.name):
        becomes = "becomes the control plane" if step is StepName.INIT else "joins as a control plane"
        yield f"{host.name}: is prepared and {becomes}, Kubernetes {version}"
        return
    yield from preparation_changes(host, wanted)
    yield from password_changes(host, wanted, passwords)
    yield from _images(host, wanted)
    yield from _forgotten(host, wanted)
    changed = wanted.changed_variables(host.name, step)
    yield from _control_plane_restarts(host, wanted, changed)
    if "KUBE_PROXY_CONFIGURATION_SHA256" in changed and host == wanted.control_planes.leader:
        yield "every node: kube-proxy restarts, one node after the other"
    if "CONTROL_PLANE_TAINTS" in changed:
        yield _taints(host, wanted, step, "CONTROL_PLANE_TAINTS")
    if changed == {"LEADS"}:
        yield f"{host.name}: makes the changes of the whole cluster from now on; it is verified, nothing restarts"
    yield from _policies(host, wanted)


def _control_plane_restarts(host: Host, wanted: Wanted, changed: Collection[str]) -> Iterator[str]:
    if "KUBERNETES_VERSION" in changed:
        is_alone = wanted.control_planes.is_alone(host)
        away = "; the API does not answer for a moment" if is_alone else "; the other control planes serve the API"
        yield (
            f"{host.name}: etcd is saved, then the control plane is {_upgraded(host, wanted)}: drained, restarted,"
            f" uncordoned{away}"
        )
    elif "CLUSTER_CONFIGURATION_SHA256" in changed:
        yield f"{host.name}: API server, controller manager, scheduler and etcd restart where their arguments change"
    elif "ETCD_CLUSTER_STATE" in changed:
        yield f"{host.name}: etcd restarts where it has to: without its data it begins no new cluster any more"
    if "KUBELET_CONFIGURATION_SHA256" in changed and "KUBERNETES_VERSION" not in changed:
        yield f"{host.name}: kubelet restarts, pods keep running"
    if "CERTIFICATE_GENERATION" in changed:
        yield f"{host.name}: certificates are renewed, the control plane restarts"


def _endpoint(wanted: Wanted) -> Iterator[str]:
    if wanted.moves_endpoint:
        yield (
            f"every node: finds the API at {wanted.settings.endpoint}; kube-proxy restarts everywhere, the kubelet of"
            " each worker in its turn, pods keep running"
        )


def _backup(wanted: Wanted) -> Iterator[str]:
    """A line for snapshots that nobody can fetch, where a control plane is new or its bundles change."""
    paths, settings = {backup.SETTINGS, backup.RECIPIENT, backup.TIMER}, wanted.settings
    for host in settings.living_control_planes:
        step = wanted.step(host.name, StepName.PREPARE)
        recorded = wanted.last.step(*step.key)
        before = recorded.inputs.digests if recorded else {}
        if any(before.get(path) != step.digests.get(path) for path in paths) and not settings.backup.recipient:
            yield (
                "etcd: snapshots stay on the control planes, and are lost with the machines; with a certificate in"
                " backup.recipient they are encrypted, and `make snapshot` fetches them"
            )
            return


def _kubeconfig(wanted: Wanted) -> Iterator[str]:
    if wanted.last.step(KUBECONFIG_OWNER, StepName.KUBECONFIG):
        changed = wanted.changed_variables(KUBECONFIG_OWNER, StepName.KUBECONFIG)
        if changed - {"HOST_NAME"}:
            yield "the stack gets a new kubeconfig"
    elif wanted.last.control_planes():
        yield "the stack gets a new kubeconfig, because the state lacks one"


def _sponsors(wanted: Wanted) -> Iterator[str]:
    """A line for the memberships that move to another control plane, because theirs leaves."""
    moved: dict[tuple[str, str], list[str]] = {}
    for host in wanted.settings.hosts.values():
        before = wanted.last.value(host.name, StepName.MEMBERSHIP, "HOST_NAME")
        step = wanted.steps.get((host.name, StepName.MEMBERSHIP))
        if before and step and before != step.host.name:
            moved.setdefault((before, step.host.name), []).append(host.name)
    for (before, after), hosts in moved.items():
        yield f"{', '.join(hosts)}: {after} looks after the membership, instead of {before}; nothing restarts"


def _gone(host: Host, wanted: Wanted, what: str) -> Iterator[str]:
    if wanted.departs(host):
        yield f"{host.name}: is gone: {what}; nothing connects to the machine"


def _worker(host: Host, wanted: Wanted, passwords: Passwords) -> Iterator[str]:
    if host.gone:
        yield from _gone(host, wanted, "its node is deleted")
        return
    if not wanted.last.is_member(host.name):
        yield f"{host.name}: is prepared and joins, Kubernetes {wanted.settings.cluster.kubernetes_version}"
        return
    yield from preparation_changes(host, wanted)
    yield from password_changes(host, wanted, passwords)
    yield from _images(host, wanted)
    yield from _forgotten(host, wanted)
    changed = wanted.changed_variables(host.name, StepName.JOIN)
    if "KUBERNETES_VERSION" in changed:
        at_once = wanted.settings.policy.max_unavailable
        turn = f"{at_once} worker{'s' if at_once > 1 else ''} at a time"
        yield f"{host.name}: is drained, {_upgraded(host, wanted)}, and uncordoned; {turn}"
    elif "KUBELET_CONFIGURATION_SHA256" in changed:
        yield f"{host.name}: kubelet restarts, pods keep running"
    yield from _policies(host, wanted)
    if "TAINTS" in wanted.changed_variables(host.name, StepName.MEMBERSHIP):
        yield _taints(host, wanted, StepName.MEMBERSHIP, "TAINTS")


def _taints(host: Host, wanted: Wanted, name: StepName, variable: str) -> str:
    taints = wanted.step(host.name, name).variables[variable].split()
    return f"{host.name}: taints change to {', '.join(taints) or 'none'}; nothing restarts"


def _policies(host: Host, wanted: Wanted) -> Iterator[str]:
    """Changed settings that only a step reads: the step verifies the node, and nothing on it changes."""
    edited = wanted.edited_variables(host.name, wanted.node_step(host))
    settings = [setting for variable, setting in POLICIES.items() if variable in edited]
    if settings:
        yield f"{host.name}: {', '.join(settings)} change{'s' if len(settings) == 1 else ''}: the node is verified"


def _images(host: Host, wanted: Wanted) -> Iterator[str]:
    step = wanted.step(host.name, StepName.IMAGES)
    recorded = wanted.last.step(*step.key)
    if recorded is None:
        return
    new = set(step.variables["IMAGES"].split()) - set(recorded.inputs.values.get("IMAGES", "").split())
    if new and "KUBERNETES_VERSION" not in wanted.changed_variables(*step.key):
        yield f"{host.name}: pulls {', '.join(sorted(new))}"


def _forgotten(host: Host, wanted: Wanted) -> Iterator[str]:
    """A line for steps of a node that the state lacks, as after `pulumi state delete`."""
    steps = [name for name in (StepName.PREPARE, StepName.IMAGES) if wanted.last.step(host.name, name) is None]
    if steps:
        yield f"{host.name}: {' and '.join(steps)} run anew, because the state lacks them"


def _pod_network(wanted: Wanted) -> Iterator[str]:
    before = wanted.last.objects.get(("apps", "DaemonSet", NODE))
    if before is None:
        return
    after = next(each for each in CALICO.objects(wanted.settings) if object_name(each) == NODE)
    if configuration_of(dict(before)) != configuration_of(after):
        yield "every node: calico-node restarts, one node after the other; pods keep running"


def _leaving(wanted: Wanted) -> Iterator[str]:
    for name in sorted(set(wanted.last.hosts_with(StepName.PREPARE)) - set(wanted.settings.hosts)):
        if wanted.last.is_member(name):
            seconds = wanted.settings.policy.drain_timeout_seconds
            has_etcd = wanted.last.value(name, StepName.PREPARE, "ROLE") == "control-plane"
            etcd = " its member of etcd is removed," if has_etcd else ""
            yield f"{name}: is drained within {seconds} s,{etcd} its node is deleted, the machine is reset"
        else:
            yield f"{name}: leaves the stack; the machine is reset, unless it was declared gone"


def _scripts(wanted: Wanted) -> Iterator[str]:
    """A line about hosts that get new scripts, after an upgrade of this project."""
    hosts = [
        host.name
        for host in wanted.settings.hosts.values()
        if not host.gone
        and wanted.last.step(host.name, StepName.PREPARE)
        and "SCRIPTS_VERSION" in wanted.changed_variables(host.name, StepName.PREPARE)
    ]
    if hosts:
        yield f"{', '.join(hosts)}: get the scripts of another version of this project; preparation runs again"


def _upgraded(host: Host, wanted: Wanted) -> str:
    before = wanted.last.value(host.name, wanted.node_step(host), "KUBERNETES_VERSION")
    return f"upgraded from {before} to {wanted.settings.cluster.kubernetes_version}"
