"""Differences between a cluster and the model of its stack, as its API, its machines and our own commands show them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from local import cluster
from local.environment import Environment
from local.mirror import access
from local.paths import REPOSITORY
from tests.chaos.faults import on
from tests.chaos.model import SYSCTL, Model

SETTLED_SECONDS = 240
"""Time in which a cluster starts the pods of machines that an update or a fault has restarted."""


def differences(model: Model, environment: Environment) -> list[str]:
    """Differences from the model, once the cluster had time to settle; empty without a difference."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        found = [*_of_nodes(model, environment), *_of_machines(model, environment), *_of_operations(environment)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(5)  # nodes and pods become ready in their own time


def _kubectl(environment: Environment, *arguments: str) -> str:
    kubeconfig = str(environment.directory / "kubeconfig")
    command = [str(cluster.kubectl(environment)), "--kubeconfig", kubeconfig, "--request-timeout=20s", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return finished.stdout if finished.returncode == 0 else json.dumps({"items": []})


def _of_nodes(model: Model, environment: Environment) -> Iterator[str]:
    nodes = {
        each["metadata"]["name"]: each
        for each in json.loads(_kubectl(environment, "get", "nodes", "-o", "json"))["items"]
    }
    if nodes.keys() != set(model.nodes):
        yield f"nodes: expected {model.nodes}, saw {sorted(nodes)}"
    for name in sorted(nodes.keys() & set(model.nodes)):
        node = nodes[name]
        if not _is_ready(node):
            yield f"{name}: not Ready"
        if node["spec"].get("unschedulable"):
            yield f"{name}: cordoned"
        zone = node["metadata"].get("labels", {}).get("zone")
        if zone != model.zones.get(name):
            yield f"{name}: label zone: expected {model.zones.get(name)}, saw {zone}"
        pods = int(node["status"]["capacity"]["pods"])
        if pods != model.max_pods:
            yield f"{name}: maxPods: expected {model.max_pods}, saw {pods}"
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        if version != f"v{model.kubernetes}":
            yield f"{name}: kubelet: expected v{model.kubernetes}, saw {version}"


def _is_ready(node: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", []))


def _of_machines(model: Model, environment: Environment) -> Iterator[str]:
    probe = access(environment).probe_image
    for name in model.nodes:
        seen = on(environment, name, f"sysctl --values {SYSCTL}").strip()
        if seen != str(model.keepalive):
            yield f"{name}: {SYSCTL}: expected {model.keepalive}, saw {seen or 'no answer'}"
        seen = on(environment, name, f"crictl pull {probe} 2>&1 || echo refused").strip()
        if seen.endswith("refused"):
            yield f"{name}: expected the registry to take the password, saw {seen}"
    command_line = "tr '\\0' ' ' </proc/$(pidof kube-apiserver)/cmdline"
    seen = on(environment, model.control_plane, f"{command_line} | grep --only-matching -- ' --v=[0-9]*'").strip()
    if seen != f"--v={model.verbosity}":
        yield f"{model.control_plane}: API server: expected --v={model.verbosity}, saw {seen or 'none'}"
    image = on(environment, model.control_plane, "cat /etc/kubernetes/manifests/kube-apiserver.yaml")
    if f"kube-apiserver:v{model.kubernetes}\n" not in image:
        yield f"{model.control_plane}: API server: expected an image of v{model.kubernetes} in its manifest"
    for name in sorted(model.out):
        if on(environment, name, "ls /etc/kubernetes/kubelet.conf /var/lib/pulumi-kubeadm/owner 2>/dev/null"):
            yield f"{name}: out of the stack, and not reset"


def _of_operations(environment: Environment) -> Iterator[str]:
    """Problems that `make status` and `make drift` name."""
    kubeconfig = str(environment.directory / "kubeconfig")
    for arguments in (["status", environment.name, "--kubeconfig", kubeconfig], ["drift", environment.name]):
        command = [sys.executable, "-m", "operations", *arguments]
        finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300)
        if finished.returncode != 0:
            yield f"{arguments[0]}: {finished.stdout[-1500:]}{finished.stderr[-1500:]}"
