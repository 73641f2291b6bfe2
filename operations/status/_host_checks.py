"""Problems of a host, from facts that one SSH connection collects."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from components.settings import Host, Settings
from components.steps.scripts import SCRIPTS
from operations.hosts.ssh import run_as_root
from operations.stack.commands import StackCommands
from operations.status._etcd_checks import etcd_problems
from operations.status._lost_state import lost_problems, marks_of
from operations.status._port_checks import ports_of
from problem import Problem

FACTS = Path(__file__).parent / "host_facts.sh"
ETCD_FACTS = (SCRIPTS / "lib" / "etcd_answers.sh", Path(__file__).parent / "etcd_facts.sh")

Facts = Mapping[str, str]


def facts_of(host: Host, settings: Settings, were_nodes: Mapping[str, str]) -> dict[str, str]:
    """The facts of a host, by name, that operations/status/host_facts.sh prints, and etcd_facts.sh on a control plane.

    Args:
        host: the host.
        settings: the settings of the stack.
        were_nodes: hosts that the last update left as nodes, and the sponsor of each.

    Raises:
        StepError: it does not let us in.
    """
    workers = [each.name for each in settings.workers if were_nodes.get(each.name) == host.name and not each.gone]
    given = {
        "PAUSE_IMAGE": settings.pause_image,
        "MARKS": " ".join(marks_of(host, workers)),
        "PORTS": " ".join(ports_of(host, settings, were_nodes)),
    }
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items()) + FACTS.read_text()
    if host.role == "control-plane":
        script += "".join(path.read_text() for path in ETCD_FACTS)
    lines = run_as_root(host, settings.ssh, script).output.splitlines()
    return {name: value.strip() for name, _, value in (line.partition("\t") for line in lines)}


def host_problems(
    host: Host,
    settings: Settings,
    facts: Facts,
    commands: StackCommands,
    *,
    is_node: bool | None,
    were_nodes: Collection[str],
    reports: bool,
) -> Iterator[Problem]:
    """Everything that is wrong on a host.

    Args:
        host: of the stack.
        settings: of the stack.
        facts: of `facts_of`.
        commands: of the stack.
        is_node: whether the cluster has a node of its name; None where the cluster does not say.
        were_nodes: hosts that the last update left as nodes.
        reports: whether the host reports what each member of etcd knows.
    """
    lost = list(lost_problems(host, settings, facts, commands)) if host.name in were_nodes else []
    yield from lost
    if not facts["containerd_program"] and facts["joined"] != "yes":
        if not lost:
            yield Problem(
                f"{host.name}: host",
                expected="a machine that an update prepared",
                seen="no containerd, and no join",
                next_command=commands.up,
            )
        return  # the rest follows from it
    runtime = list(_runtime(host, facts, commands))
    yield from runtime
    if not runtime:  # without a runtime the other problems follow
        yield from _pause_image(host, settings, facts, commands)
        yield from _kubelet(host, facts, commands)
        if not lost:
            yield from _join(host, facts, commands, is_node=is_node)
        if host.name in were_nodes:
            yield from etcd_problems(host, settings, facts, commands, were_nodes=were_nodes, reports=reports)
    yield from _units(host, facts, commands)
    yield from _system(host, settings, facts, commands)


def _runtime(host: Host, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    if facts["containerd"] != "active":
        yield Problem(
            f"{host.name}: containerd",
            expected="the service containerd to run",
            seen=f"{facts['containerd']} {facts['containerd_log']}",
            next_command="systemctl restart containerd on the host; journalctl --unit containerd says why it ended",
        )
    elif facts["cri"] != "serves":
        disabled = facts["cri_disabled"]
        yield Problem(
            f"{host.name}: containerd",
            expected="containerd to serve the CRI, which kubelet talks to",
            seen=f"its CRI plugin is disabled: {disabled}" if disabled else facts["cri"],
            next_command=_repaired_configuration(host, commands),
        )


def _repaired_configuration(host: Host, commands: StackCommands) -> str:
    """The next command for a wrong configuration of containerd, which files of others may override after a repair."""
    return (
        f"{commands.repair(host.name)}, which writes our own /etc/containerd/config.toml; where it stays so, mend the"
        f" files in /etc/containerd/conf.d, which containerd reads, too: make drift STACK={commands.stack}"
    )


def _pause_image(host: Host, settings: Settings, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    step, image = f"{host.name}: pause image", settings.pause_image
    if facts["pause_configured"] != image:
        yield Problem(
            step,
            expected=f"containerd to start pods with {image}",
            seen=facts["pause_configured"] or "none configured",
            next_command=_repaired_configuration(host, commands),
        )
    elif facts["pause_present"] != "yes":
        registry = image.partition("/")[0]
        password = commands.set_password(settings, registry)
        yield Problem(
            step,
            expected=f"{image} on the host; without it no pod starts",
            seen=facts["pause_log"] or facts["pause_present"],
            next_command=f"crictl pull {image} on the host; if that fails: curl --head https://{registry}/v2/;"
            f" {password}; images.rewrite in the stack file; {commands.mirror}",
        )


def _kubelet(host: Host, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    if facts["joined"] == "yes" and facts["kubelet"] != "active":
        yield Problem(
            f"{host.name}: kubelet",
            expected="the service kubelet to run",
            seen=facts["kubelet"],
            next_command="systemctl restart kubelet on the host; journalctl --unit kubelet says why it ended",
        )
    if facts["joined"] == "yes" and not facts["cni"]:
        yield Problem(
            f"{host.name}: pod network",
            expected="a CNI configuration in /etc/cni/net.d, which calico-node writes",
            seen="none; the node stays NotReady",
            next_command="kubectl --namespace kube-system delete pod --selector k8s-app=calico-node"
            f" --field-selector spec.nodeName={host.name}: the next one writes it; if none comes: {commands.refresh}",
        )


def _units(host: Host, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    for name, state in facts.items():
        kind, _, unit = name.partition(" ")
        if kind == "unit" and state != "active":
            yield Problem(
                f"{host.name}: {unit}",
                expected=f"{unit} to run",
                seen=state,
                next_command=f"journalctl --unit {unit} on the host says why it ended; {commands.repair(host.name)}",
            )


def _join(host: Host, facts: Facts, commands: StackCommands, *, is_node: bool | None) -> Iterator[Problem]:
    if facts["joined"] == "yes" or is_node:
        return
    if facts["join_log"]:
        yield Problem(
            f"{host.name}: join token",
            expected="the cluster to accept the token of the join",
            seen=facts["join_log"],
            next_command=f"{commands.up}: it mints a new token for each join; the clocks of both hosts must agree",
        )
    else:
        yield Problem(
            f"{host.name}: join",
            expected="a node of the cluster",
            seen="a host that never joined",
            next_command=commands.up,
        )


def _system(host: Host, settings: Settings, facts: Facts, commands: StackCommands) -> Iterator[Problem]:
    seconds = settings.system.default_timeout_stop_sec
    if facts["stop_timeout"] != f"t {seconds * 1_000_000}":
        yield Problem(
            f"{host.name}: reboot",
            expected=f"DefaultTimeoutStopSec of systemd to be {seconds} s, so that containerd's shims do not hold it",
            seen=_seconds(facts["stop_timeout"]),
            next_command=commands.repair(host.name),
        )
    wanted = settings.sysctls(host).get("net.netfilter.nf_conntrack_max")
    if wanted is not None and facts["conntrack_max"] != str(wanted):
        yield Problem(
            f"{host.name}: connection tracking",
            expected=f"net.netfilter.nf_conntrack_max to be {wanted}",
            seen=f"{facts['conntrack_max']}; kube-proxy sets it unless its conntrack.maxPerCore is 0",
            next_command=f"cluster.kubeProxyConfiguration.conntrack in the stack file, {commands.up}; then"
            " sysctl --system",
        )


def _seconds(property_: str) -> str:
    kind, _, number = property_.partition(" ")
    return f"{int(number) / 1_000_000:g} s" if kind == "t" and number.isdigit() else property_
