"""Every step that a cluster wants, built once per run of the program, beside what the last update recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pulumi

from components.host_files import kubeadm
from components.settings import Host, Settings
from components.settings.versions import numbers_of
from components.steps.connection import is_same_machine
from components.steps.control_planes import ControlPlanes
from components.steps.last_update import LastUpdate
from components.steps.of_control_plane import encryption_step, init_step, kubeconfig_step
from components.steps.of_every_host import images_step, prepare_step, repositories_step
from components.steps.of_member import join_step, membership_step
from components.steps.result import is_cut_off, result_of
from components.steps.sealing import CutOffError, SealedForAnotherKeyError, SealingKey
from components.steps.ssh import CUT_OFF
from components.steps.step import Step, StepName
from problem import Problem


@dataclass(frozen=True)
class Wanted:
    """The wanted steps of a cluster, beside the last update. Plan, refusals and components read them.

    Attributes:
        cluster: name of the component, and prefix of the name of each resource.
        settings: the settings of the stack.
        last: the last update.
        identity: the identity of the cluster on machines and in the provider, minted once.
        sealing_key: the key for which steps seal a secret that they return, minted once.
        steps: wanted steps by host name and step name.
    """

    cluster: str
    settings: Settings
    last: LastUpdate
    identity: str
    sealing_key: SealingKey
    steps: Mapping[tuple[str, StepName], Step]

    @cached_property
    def control_planes(self) -> ControlPlanes:
        """The parts of the control planes in this update."""
        return ControlPlanes(self.settings, self.last)

    @property
    def running_versions(self) -> list[str]:
        """Kubernetes versions of the nodes that stay, the oldest first."""
        nodes = [host for host in self.settings.hosts.values() if not host.gone and self.last.is_member(host.name)]
        found = (self.last.value(host.name, self.node_step(host), "KUBERNETES_VERSION") for host in nodes)
        return sorted({version for version in found if version}, key=numbers_of)

    def step(self, host: str, name: StepName) -> Step:
        """A step of a host."""
        return self.steps[host, name]

    def node_step(self, host: Host) -> StepName:
        """The step that makes a host a node: `init` or `join`."""
        return StepName.INIT if (host.name, StepName.INIT) in self.steps else StepName.JOIN

    def departs(self, host: Host) -> bool:
        """True where a machine that is gone may still have a node or a member of etcd, which this update takes away."""
        return host.gone and self.last.may_have_node(host.name) and not self.last.has_departed(host.name)

    @property
    def moves_endpoint(self) -> bool:
        """True where the endpoint of a running cluster changes: kubeadm wrote it on each node."""
        steps = [(host.name, self.node_step(host)) for host in self.settings.hosts.values()]
        before = {self.last.api_server(*step) for step in steps if self.last.is_member(step[0])}
        return not before <= {None, kubeadm.api_server(self.settings)}

    def step_of(self, resource_name: str) -> Step:
        """The step of the command with this resource name."""
        host, name = resource_name.removeprefix(f"{self.cluster}/").rsplit("/", 1)
        return self.step(host, StepName(name))

    def secret_in(self, step: Step, stdout: str) -> str:
        """The secret in the standard output of a step that returns one, in clear.

        Raises:
            pulumi.RunError: the machine sealed it for the key of another state, or its end did not arrive.
        """
        try:
            if is_cut_off(stdout):
                raise CutOffError
            return self.sealing_key.opened(result_of(stdout))
        except SealedForAnotherKeyError as error:
            raise pulumi.RunError(str(self._unread(step, error))) from error

    def _unread(self, step: Step, error: SealedForAnotherKeyError) -> Problem:
        """The problem of a result that the key of the state does not open."""
        again = f"pulumi up --stack {pulumi.get_stack()} --replace '**/{step.subject}/{step.name}'"
        if step.name is StepName.MEMBERSHIP:
            again = "pulumi up"  # runs it again; a replaced membership would take the node out of the cluster
        if isinstance(error, CutOffError):
            return Problem(
                f"{step.host.name}: {step.name}",
                expected="the whole result of the step",
                seen=CUT_OFF,
                next_command=f"`!log_output` for the login in sudoers, docs/security.md; then {again}",
            )
        return Problem(
            f"{step.host.name}: {step.name}",
            expected="a result that is sealed for the key in the state of this stack",
            seen="one that this key does not open: another state of the same cluster has a key of its own",
            next_command=f"make repair STACK={pulumi.get_stack()} HOST={step.host.name}; then {again}",
        )

    def resource_name(self, *parts: str) -> str:
        """Name of a resource of this cluster."""
        return "/".join([self.cluster, *parts])

    def changed_variables(self, host: str, name: StepName) -> frozenset[str]:
        """Variables of a step that differ from the last update; all variables if the step is not recorded."""
        before, after = self.last.step(host, name), self.step(host, name).variables
        recorded = before.inputs.values if before else {}
        return frozenset(each for each in {*recorded, *after} if recorded.get(each) != after.get(each))

    def edited_variables(self, host: str, name: StepName) -> frozenset[str]:
        """Variables of a step whose recorded values differ; an earlier version may have recorded fewer of them."""
        return frozenset(
            each for each in self.changed_variables(host, name) if self.last.value(host, name, each) is not None
        )

    def changes_node(self, host: Host) -> bool:
        """True where the variables of a member's init or join differ from the last update; the token is no variable."""
        return self.last.is_member(host.name) and bool(self.changed_variables(host.name, self.node_step(host)))

    def is_unchanged(self, step: Step) -> bool:
        """True where the last update recorded the step with the same standard input; secret files are left out."""
        recorded = self.last.step(step.subject, step.name)
        return recorded is not None and recorded.stdin == step.text()

    def reaches_same_machine(self, step: Step) -> bool:
        """True where the last update ran the step on the machine that the stack file names now."""
        recorded = self.last.step(step.subject, step.name)
        return recorded is not None and is_same_machine(recorded.connection, step.host, self.settings.ssh)


def wanted_steps(
    settings: Settings, last: LastUpdate, images: list[str], identity: str, sealing_certificate: str
) -> dict[tuple[str, StepName], Step]:
    """Every wanted step by host name and step name.

    Args:
        settings: the settings of the stack.
        last: the last update.
        images: images that every host pulls early, under the names of their public registries.
        identity: the identity of the cluster.
        sealing_certificate: certificate for which a control plane seals a secret that it returns.
    """
    control_planes = ControlPlanes(settings, last)
    of_hosts = (
        _steps_of(host, control_planes, images, identity, sealing_certificate) for host in settings.hosts.values()
    )
    steps = [*(step for steps in of_hosts for step in steps), kubeconfig_step(control_planes)]
    return {step.key: step for step in steps}


def shared_contents(steps: Iterable[Step]) -> dict[str, str]:
    """The content of each file that hosts share, by path. A variant of fewer hosts has its digest beside the path."""
    hosts = Counter(file for step in steps for file in step.shared_files)
    contents: dict[str, str] = {}
    for file, _ in hosts.most_common():
        contents[f"{file.path} {file.digest}" if file.path in contents else file.path] = file.content
    return contents


def _steps_of(
    host: Host, control_planes: ControlPlanes, images: list[str], identity: str, sealing_certificate: str
) -> Iterator[Step]:
    if control_planes.settings.repository_logins:
        yield repositories_step(host, control_planes, identity)
    yield prepare_step(host, control_planes, identity, sealing_certificate)
    yield images_step(host, control_planes, images)
    sponsor = control_planes.sponsor_of(host)
    if sponsor:
        yield membership_step(host, sponsor, control_planes)
    if control_planes.initialiser == host:
        yield init_step(host, control_planes)
    else:
        yield join_step(host, control_planes)
    if host.role == "control-plane" and control_planes.settings.cluster.encryption:
        yield encryption_step(host, control_planes)
