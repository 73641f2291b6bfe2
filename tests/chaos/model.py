"""The stack as chosen edits leave it: the truth that a cluster is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from local.mirror import KUBERNETES
from local.stack import LocalStack

OLD, NEW = "1.35.4", KUBERNETES
"""Kubernetes versions before and after the upgrade of a run; the mirror has both."""
SYSCTL = "net.ipv4.tcp_keepalive_time"
"""A sysctl that each local machine has for itself, and that changes nothing here."""


@dataclass
class Model:
    """The content of the stack file that edits change.

    Attributes:
        control_plane: name of the control plane.
        workers: names of the workers that are in the stack and not gone.
        gone: names of the workers whose machine is declared gone.
        out: names of the workers that are out of the stack; their machines are reset.
        zones: value of the label `zone` by host.
        max_pods: the kubelet's `maxPods`.
        verbosity: the API server's argument `v`.
        keepalive: value of SYSCTL.
        kubernetes: version of Kubernetes.
    """

    control_plane: str
    workers: set[str]
    gone: set[str] = field(default_factory=set)
    out: set[str] = field(default_factory=set)
    zones: dict[str, str] = field(default_factory=dict)
    max_pods: int = 110
    verbosity: int = 1
    keepalive: int = 7200
    kubernetes: str = OLD

    @property
    def nodes(self) -> list[str]:
        """Names of the hosts that are nodes, the control plane first."""
        return [self.control_plane, *sorted(self.workers)]

    @property
    def machines(self) -> list[str]:
        """Names of the machines that are there, also of those that are out of the stack."""
        return [*self.nodes, *sorted(self.out)]

    def write(self, stack: LocalStack) -> None:
        """Write the model into the stack file in use; everything else in the file stays."""
        content: dict[str, Any] = yaml.safe_load(stack.file.read_text())
        config = content["config"]
        config["kubeadm:hosts"] = {
            name: self._host(name, stack.environment.address(name))
            for name in stack.environment.machines
            if name not in self.out
        }
        cluster = config["kubeadm:cluster"]
        cluster["kubernetesVersion"] = self.kubernetes
        cluster.setdefault("kubeletConfiguration", {})["maxPods"] = self.max_pods
        arguments = [{"name": "v", "value": str(self.verbosity)}]
        cluster["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
        config.setdefault("kubeadm:system", {}).setdefault("sysctl", {})[SYSCTL] = self.keepalive
        stack.file.write_text(yaml.safe_dump(content))

    def _host(self, name: str, address: str) -> dict[str, Any]:
        host: dict[str, Any] = {"address": address}
        if name == self.control_plane:
            host["role"] = "control-plane"
        if name in self.gone:
            host["gone"] = True
        if name in self.zones:
            host["labels"] = {"zone": self.zones[name]}
        return host
