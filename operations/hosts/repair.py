"""Put a host back to what the last update left on it, and its node back into the cluster."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.host_files import File
from components.host_files.kubeadm import INVITATION_PATH
from components.settings import Host, Settings
from components.steps.scripts import install_scripts, rerun
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.access.api import Api, ApiError, Json
from operations.access.servers import answering_kubeconfig
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from operations.hosts.ssh import run_as_root
from operations.stack.commands import StackCommands
from operations.stack.stacks import selected_stack
from problem import Problem, StepError, printable

UNREADY_SECONDS = 150
"""Time in which the control plane misses a kubelet: 50 s in Kubernetes 1.36, 40 s before, more when it is busy."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("host", help="name of the host")


def run(arguments: argparse.Namespace) -> None:
    """Run the recorded steps of a host once more, and print what they changed.

    Raises:
        StepError: there is no such host, its machine is gone, or a step failed.
    """
    stack = selected_stack(arguments.stack)
    settings, recorded = stack.settings(), stack.recorded_inputs()
    host = _repairable(arguments.host, settings, recorded, stack.commands)
    api = Api.of(answering_kubeconfig(stack), stack.commands) if stack.outputs().get("kubeconfig") else None
    machine = _Machine(host, settings, recorded)
    node = _Node(machine, api) if api else None
    if node:
        node.refuse_other_version()
    is_node = machine.repair(api.authority if api else "")
    if node:
        node.repair(is_node=is_node)
    print(f"{host.name}: as the last update left it")


def _repairable(
    name: str, settings: Settings, recorded: Mapping[tuple[str, StepName], str], commands: StackCommands
) -> Host:
    host = settings.hosts.get(name)
    prepared = [each for each in settings.hosts.values() if (each.name, StepName.PREPARE) in recorded]
    if host is None or host not in prepared:
        there = [each.name for each in prepared if not each.gone]
        raise StepError(
            Problem(
                f"repair {name}",
                expected=f"a host of stack {commands.stack} that an update prepared",
                seen=", ".join(there) or "none",
                next_command=commands.repair("...") if there and not host else commands.up,
            )
        )
    if host.gone:
        raise StepError(
            Problem(
                f"repair {name}",
                expected="a host whose machine is there",
                seen="gone: true in the stack file",
                next_command=f"if the machine is back: remove `gone: true`, write its hostKey, then {commands.up}",
            )
        )
    return host


@dataclass(frozen=True)
class _Machine:
    """The machine of a host, and the steps that the last update recorded."""

    host: Host
    settings: Settings
    recorded: Mapping[tuple[str, StepName], str]

    @property
    def is_control_plane(self) -> bool:
        """True where an update made the machine a control plane."""
        return self.host.role == "control-plane" and self.node_step is not None

    @property
    def node_step(self) -> StepName | None:
        """The step that made the host a node; None where no update did."""
        return next((step for step in (StepName.INIT, StepName.JOIN) if (self.host.name, step) in self.recorded), None)

    @property
    def recorded_version(self) -> str:
        """Kubernetes version of the node; empty where no update made the host a node."""
        recorded = self.recorded[self.host.name, self.node_step] if self.node_step else ""
        return inputs_of(recorded).values["KUBERNETES_VERSION"] if recorded else ""

    def repair(self, authority: str) -> bool:
        """Marks, files, packages and images are there.

        Args:
            authority: certificate of the cluster's authority, by which a machine without a mark is known.

        Returns:
            Whether the machine has the kubeconfig of a kubelet.
        """
        prepare = self.recorded[self.host.name, StepName.PREPARE]
        version = self.recorded_version if self.is_control_plane else ""
        values = {"CLUSTER_AUTHORITY": authority, "CONTROL_PLANE_VERSION": version}
        reclaimed = self.send(self.host, rerun(prepare, "reclaim", values=values))
        self.send(self.host, install_scripts())  # other recorded commands call them, such as `leave`
        logins = self.recorded.get((self.host.name, StepName.REPOSITORIES))
        if logins:
            self.send(self.host, rerun(logins, "repositories"))
        self.send(self.host, rerun(prepare, "prepare"))
        images = self.recorded.get((self.host.name, StepName.IMAGES))
        if images:
            self.send(self.host, rerun(images, "images"))
        return reclaimed.output.strip() == "node"

    def send(self, host: Host, text: str) -> Answer:
        """Run a script on a host, and print what it changed."""
        answer = run_as_root(host, self.settings.ssh, text)
        for line in printable(answer.log).splitlines():
            # A line of another form is no line of ours: it may look like that of another host.
            print(line if line.startswith(f"{host.name}: ") else f"    {line}", flush=True)
        return answer


@dataclass(frozen=True)
class _Node:
    """The node of a host in its cluster."""

    machine: _Machine
    api: Api

    @property
    def host(self) -> Host:
        """The host."""
        return self.machine.host

    def refuse_other_version(self) -> None:
        """Stop before anything is put back if an interrupted update left another version: a repair upgrades nothing.

        Raises:
            StepError: node or API server has another version, or the API does not tell the version of a worker.
        """
        if not self.machine.recorded_version:
            return
        try:
            versions = list(self._versions())
        except StepError:
            if not self.machine.is_control_plane:
                raise
            return  # the API server may be what is broken; `reclaim` compares the versions on the machine
        wanted = f"v{self.machine.recorded_version}"
        for program, seen in versions:
            if seen != wanted:
                raise StepError(
                    Problem(
                        f"repair {self.host.name}",
                        expected=f"{program} of version {wanted}, which the last update left",
                        seen=f"{seen}, left by an interrupted update",
                        next_command=self.api.commands.up,
                    )
                )

    def _versions(self) -> Iterator[tuple[str, str]]:
        if self.machine.is_control_plane:
            yield "an API server", self.api.get("/version")["gitVersion"]
        node = self._node()
        if node:
            yield "a kubelet", node["status"]["nodeInfo"]["kubeletVersion"]

    def repair(self, *, is_node: bool) -> None:
        """The node is registered and Ready, and other nodes reach its pods; where an update made it a node."""
        if self.machine.node_step is StepName.INIT:
            # The cluster is verified, and never initialised or reset.
            init = rerun(self._recorded(StepName.INIT), "init", values={"RESET_ON_FAILURE": "false"}, mode="verify")
            self.machine.send(self.host, init)
        elif self.machine.node_step is StepName.JOIN:
            self._join(is_node=is_node)
        else:
            return
        self._restore_pod_network()

    def _recorded(self, step: StepName) -> str:
        return self.machine.recorded[self.host.name, step]

    def _join(self, *, is_node: bool) -> None:
        """The node is in the cluster and Ready: where it is not, it joins with a new token."""
        if not is_node:
            self._wait_until_missed()
        recorded = self._recorded(StepName.MEMBERSHIP)
        sponsor = self.machine.settings.hosts[inputs_of(recorded).values["HOST_NAME"]]
        membership = rerun(recorded, "membership", values={"RESULT_IS_PLAIN": "true"})
        invitation = self.machine.send(sponsor, membership).output
        values = {}
        if self.machine.is_control_plane:
            values = {"RESET_ON_FAILURE": "false"}  # it has its data of etcd; without them its sponsor invites it
        elif not self._node():
            # A machine without a node in the cluster may be reset by the join. A member may run pods.
            values = {"RESET_ON_FAILURE": "true"}
        files = [File(INVITATION_PATH, invitation, mode="0600")]
        self.machine.send(self.host, rerun(self._recorded(StepName.JOIN), "join", files, values=values))

    def _restore_pod_network(self) -> None:
        control_plane = next(
            host
            for host in self.machine.settings.living_control_planes
            if (host.name, StepName.PREPARE) in self.machine.recorded
        )
        values = {"NODE_NAME": self.host.name, "CALICO_ANNOTATIONS": "\n".join(CALICO_ANNOTATIONS)}
        prepare = self.machine.recorded[control_plane.name, StepName.PREPARE]
        self.machine.send(control_plane, rerun(prepare, "pod_network", values=values))

    def _node(self) -> Json | None:
        try:
            return self.api.get(f"/api/v1/nodes/{self.host.name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def _wait_until_missed(self) -> None:
        """Wait until the node is not Ready: no join token is made for a Ready node.

        A node stays Ready for a moment after its machine was reset.

        Raises:
            StepError: the node stays Ready, so a kubelet still reports for it.
        """
        if _is_ready(self._node()):
            print(f"{self.host.name}: waits until the control plane misses the kubelet", flush=True)
        deadline = time.monotonic() + UNREADY_SECONDS
        while _is_ready(self._node()):
            if time.monotonic() > deadline:
                raise StepError(
                    Problem(
                        f"repair {self.host.name}",
                        expected="the node not to be Ready, because its machine has no /etc/kubernetes/kubelet.conf",
                        seen=f"Ready for {UNREADY_SECONDS} s: a kubelet still reports for it",
                        next_command=f"systemctl stop kubelet on {self.host.name}, then"
                        f" {self.api.commands.repair(self.host.name)}; if the node stays Ready: kubectl describe node"
                        f" {self.host.name} shows the address of the machine that reports",
                    )
                )
            time.sleep(2)  # the control plane notices in its own time


def _is_ready(node: Json | None) -> bool:
    conditions = (node or {}).get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
