"""The node of a host: its membership of the cluster, and what the cluster knows of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from components.host_files import File
from components.host_files.kubeadm import INVITATION_PATH
from components.settings import Host
from components.steps.scripts import rerun
from components.steps.stdin import inputs_of
from components.steps.step import StepName
from operations.access.api import Api, ApiError, Json
from operations.hosts._machine import Machine
from operations.hosts.members import members_of
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from problem import StepError

UNREADY_SECONDS = 150
"""Time after which the control plane reports a silent kubelet: 50 s in Kubernetes 1.36, 40 s before, more under load.
"""


@dataclass(frozen=True)
class Node:
    """The node of a host in its cluster."""

    machine: Machine
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
                    f"repair {self.host.name}",
                    expected=f"{program} of version {wanted}, which the last update left",
                    seen=f"{seen}, left by an interrupted update",
                    next_command=self.api.commands.up,
                )

    def _versions(self) -> Iterator[tuple[str, str]]:
        if self.machine.is_control_plane:
            yield "an API server", self.api.get("/version")["gitVersion"]
        node = self._node()
        if node:
            yield "a kubelet", node["status"]["nodeInfo"]["kubeletVersion"]

    def repair(self, *, is_node: bool) -> None:
        """Make the node Ready, and its pods reachable; a host that no update made a node is left alone."""
        sponsor = None
        if self.machine.node_step is StepName.INIT:
            # The cluster is verified, and never initialised or reset.
            init = rerun(self._recorded(StepName.INIT), "init", values={"RESET_ON_FAILURE": "false"}, mode="verify")
            self.machine.send(self.host, init)
        elif self.machine.node_step is StepName.JOIN:
            sponsor = self._sponsor()
            self._join(sponsor, is_node=is_node)
        else:
            return
        self._restore_pod_network(sponsor or self.host)

    def _recorded(self, step: StepName) -> str:
        return self.machine.recorded[self.host.name, step]

    def _sponsor(self) -> Host | None:
        """The control plane on which the membership runs; None for the only control plane, which needs no invitation.

        Raises:
            StepError: it left the stack file, or its machine is gone; an update moves the membership to another one.
        """
        settings, recorded = self.machine.settings, self.machine.recorded
        others = [each for each in members_of(settings, recorded) if not each.gone and each != self.host]
        membership = recorded.get((self.host.name, StepName.MEMBERSHIP), "")
        name = inputs_of(membership).values.get("HOST_NAME")
        sponsor = next((each for each in others if each.name == name), None)
        if sponsor is None and (others or not self.machine.is_control_plane):
            raise StepError(
                f"repair {self.host.name}",
                expected="a control plane of the stack file that looks after its membership",
                seen=f"{name}, which left the stack file or is gone" if name else "no membership in the state",
                next_command=f"{self.api.commands.up}; then {self.api.commands.repair(self.host.name)}",
            )
        return sponsor

    def _join(self, sponsor: Host | None, *, is_node: bool) -> None:
        """Verify a node that is in the cluster; join a machine without a node, with a new token."""
        if not is_node:
            self._wait_until_missed()
        invitation, values = "", dict[str, str]()
        if sponsor:
            recorded = self._recorded(StepName.MEMBERSHIP)
            membership = rerun(recorded, "membership", values={"RESULT_IS_PLAIN": "true"})
            invitation = self.machine.send(sponsor, membership).output
        if self.machine.is_control_plane:
            values = {"RESET_ON_FAILURE": "false"}  # it has data of etcd, or its sponsor invites it
        elif not self._node():
            # The join may reset a machine without a node in the cluster, but not a member, which may run pods.
            values = {"RESET_ON_FAILURE": "true"}
        files = [File(INVITATION_PATH, invitation, mode="0600")]
        self.machine.send(self.host, rerun(self._recorded(StepName.JOIN), "join", files, values=values))

    def _restore_pod_network(self, control_plane: Host) -> None:
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
                    f"repair {self.host.name}",
                    expected="the node not to be Ready, because its machine has no /etc/kubernetes/kubelet.conf",
                    seen=f"Ready for {UNREADY_SECONDS} s: a kubelet still reports for it",
                    next_command=f"systemctl stop kubelet on {self.host.name}, then"
                    f" {self.api.commands.repair(self.host.name)}; if the node stays Ready: kubectl describe node"
                    f" {self.host.name} shows the address of the machine that reports",
                )
            time.sleep(2)  # the control plane counts a kubelet as missed when it has not reported for some 40 s


def _is_ready(node: Json | None) -> bool:
    conditions = (node or {}).get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
