"""The machine of a host, and the steps that the last update recorded for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.settings import Host, Settings
from components.steps.scripts import install_scripts, rerun
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of
from components.steps.step import NODE_STEPS, StepName
from operations.hosts.ssh import run_as_root
from problem import printable


@dataclass(frozen=True)
class Machine:
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
        return next((step for step in NODE_STEPS if (self.host.name, step) in self.recorded), None)

    @property
    def recorded_version(self) -> str:
        """Kubernetes version of the node; empty where no update made the host a node."""
        recorded = self.recorded[self.host.name, self.node_step] if self.node_step else ""
        return inputs_of(recorded).values["KUBERNETES_VERSION"] if recorded else ""

    def repair(self, authority: str) -> bool:
        """Put marks, files, packages and images back.

        Args:
            authority: certificate of the cluster's authority, which identifies a machine without a mark.

        Returns:
            Whether the machine has the kubeconfig of a kubelet.
        """
        prepare = self.recorded[self.host.name, StepName.PREPARE]
        version = self.recorded_version if self.is_control_plane else ""
        values = {"CLUSTER_AUTHORITY": authority, "CONTROL_PLANE_VERSION": version}
        reclaimed = self.send(self.host, rerun(prepare, "reclaim", values=values))
        self.send(self.host, install_scripts())  # other recorded commands call these scripts, such as `leave`
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
            # Scripts begin a line with the name of the host. Other lines are indented, because they may begin with the
            # name of another host.
            print(line if line.startswith(f"{host.name}: ") else f"    {line}", flush=True)
        return answer
