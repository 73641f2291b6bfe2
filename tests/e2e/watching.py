"""Observations of a cluster that changes, and the interruption of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment
from operations.preview._preview import Preview, Selection, preview
from tests.e2e.conftest import E2E, STACK, Cluster, configure, machine_names


def logins(live: Cluster) -> dict[str, int]:
    """SSH logins that each machine has seen."""
    return {machine: live.logins(machine) for machine in machine_names()}


def visits(live: Cluster, before: dict[str, int]) -> dict[str, int]:
    """SSH logins since an earlier count."""
    now = logins(live)
    return {machine: now[machine] - before[machine] for machine in before}


def node_names(live: Cluster) -> list[str]:
    """Nodes of the cluster that are Ready."""
    return sorted(
        node["metadata"]["name"]
        for node in live.get("nodes")["items"]
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    )


def pod_uids(live: Cluster) -> dict[str, str]:
    """Identity of each pod of the pod network and the dashboard, by name."""
    found = live.get("pods", "--all-namespaces")["items"]
    kept = ("calico", "kubernetes-dashboard", "coredns")
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found if p["metadata"]["name"].startswith(kept)}


def running_since(live: Cluster) -> dict[str, str]:
    """Start times of each machine's containerd and kubelet, and of the containers of its pods."""
    look = (
        "systemctl show --property ActiveEnterTimestampMonotonic containerd kubelet;"
        " crictl ps --output json | sed --quiet 's/.*\"createdAt\": //p' | sort"
    )
    return {machine: live.on(machine, look) for machine in machine_names()}


def previewed() -> Preview:
    """The preview of an update by the real engine."""
    seen = preview(Selection(REPOSITORY, E2E.name, STACK.file, tool_environment()))
    assert not seen.errors
    return seen


def touched(seen: Preview) -> set[str]:
    """Names of the resources that would be created, updated, replaced or deleted, without that of the cluster."""
    return {urn.rpartition("::")[2].removeprefix("cluster/") for urn in seen.touched}


def add(machine: str) -> None:
    """The line of a worker in the stack file."""
    configure("set", "--path", f"hosts.{machine}.address", E2E.address(machine))


def remove(machine: str) -> None:
    """Remove the line of a worker from the stack file."""
    configure("rm", "--path", f"hosts.{machine}")


def begun(call: str) -> subprocess.Popen[bytes]:
    """A method of STACK that runs in a process group of its own."""
    command = [sys.executable, "-c", f"from tests.e2e.conftest import STACK; STACK.{call}()"]
    return subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group of a run, and wait until it is gone."""
    assert process.poll() is None, "it ended before it could be killed"
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """Kill every process of a group, and wait until all are gone: Pulumi takes the lock of a living one for a run."""
    os.killpg(group, signal.SIGKILL)
    until(lambda: not _processes_of(group), seconds=30)


def _processes_of(group: int) -> list[str]:
    """Processes of a group that run, by state and name; a zombie has ended."""
    command = ["ps", "-e", "-o", "pgid=,stat=,comm="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if line.split()[0] == str(group) and not line.split()[1].startswith("Z")]


def until(condition: Callable[[], bool], seconds: int = 60) -> None:
    """Wait until a condition is met; fail after a time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(1)  # polls the API server or a machine
