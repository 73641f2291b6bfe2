"""The stack as chosen edits leave it: the truth that a cluster is compared with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from local import machines
from local.stack import LocalStack

SYSCTL = "net.ipv4.tcp_keepalive_time"
"""A sysctl that each local machine has for itself, and that changes nothing here."""


@dataclass
class Model:
    """What the stack file says of everything that edits change.

    Attributes:
        control_plane: name of the control plane.
        workers: names of the workers that are in the stack and not gone.
        gone: names of the workers whose machine is declared gone.
        out: names of the workers that are out of the stack; their machines are reset.
        zones: value of the label `zone` by host.
        max_pods: the kubelet's `maxPods`.
        verbosity: the API server's argument `v`.
        keepalive: value of SYSCTL.
    """

    control_plane: str
    workers: set[str]
    gone: set[str] = field(default_factory=set)
    out: set[str] = field(default_factory=set)
    zones: dict[str, str] = field(default_factory=dict)
    max_pods: int = 110
    verbosity: int = 1
    keepalive: int = 7200

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
        cluster["kubeletConfiguration"]["maxPods"] = self.max_pods
        arguments = [{"name": "v", "value": str(self.verbosity)}]
        cluster["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
        config["kubeadm:system"]["sysctl"][SYSCTL] = self.keepalive
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


def _remove(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.workers))
    model.workers.remove(name)
    model.out.add(name)
    model.zones.pop(name, None)
    return f"remove {name}"


def _add(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.out))
    model.out.remove(name)
    model.workers.add(name)
    return f"add {name}"


def _lose(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.workers))
    model.workers.remove(name)
    model.gone.add(name)
    model.zones.pop(name, None)
    machines.delete_machine(stack.environment, name)
    return f"lose the machine of {name}: gone"


def _bring_back(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice(sorted(model.gone))
    model.gone.remove(name)
    model.workers.add(name)
    machines.create(stack.environment)
    return f"bring {name} back as a new machine"


def _label(model: Model, stack: LocalStack, chance: random.Random) -> str:
    name = chance.choice([model.control_plane, *sorted(model.workers)])
    model.zones[name] = f"z{chance.randrange(100)}"
    return f"label {name} zone={model.zones[name]}"


def _max_pods(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.max_pods = chance.randrange(100, 200)
    return f"maxPods {model.max_pods}"


def _verbosity(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.verbosity = chance.randrange(5)
    return f"argument v={model.verbosity} of the API server"


def _keepalive(model: Model, stack: LocalStack, chance: random.Random) -> str:
    model.keepalive = chance.randrange(1000, 9000)
    return f"sysctl {SYSCTL}={model.keepalive}"


def edit(model: Model, stack: LocalStack, chance: random.Random) -> str:
    """Choose an edit, apply it to the model and the stack file, and describe it."""
    possible: list[Callable[[Model, LocalStack, random.Random], str]] = [_label, _max_pods, _verbosity, _keepalive]
    if len(model.workers) > 1:
        possible += [_remove, _lose]
    if model.out:
        possible += [_add] * 2
    if model.gone:
        possible += [_bring_back] * 2
    described = chance.choice(possible)(model, stack, chance)
    model.write(stack)
    return described
