"""Faults that strike a machine, the API server or the run itself while an update runs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from local import machines
from local.environment import Environment
from local.machines.engine import podman

OUTAGE_SECONDS = 20
"""Duration of an outage: longer than a time limit of a connection, shorter than the patience of a step."""

Fault = Callable[[Environment, str, "subprocess.Popen[Any]"], None]


def power_cut(environment: Environment, machine: str, update: subprocess.Popen[Any]) -> None:
    """Cut the power of a machine, which starts again at once."""
    # After `podman kill` the restart policy would start the machine beside this program.
    for command in (["stop", "--time", "0"], ["start"]):
        podman(*command, environment.container(machine), step="cut the power")


def api_stopped(environment: Environment, machine: str, update: subprocess.Popen[Any]) -> None:
    """Stop the API server; its kubelet starts another one."""
    control_plane = next(iter(environment.machines))
    script = "crictl ps --quiet --name kube-apiserver | xargs --no-run-if-empty crictl stop --timeout 0"
    command = ["podman", "exec", environment.container(control_plane), "bash", "-c", script]
    subprocess.run(command, check=False, capture_output=True, timeout=60)  # before kubeadm init there is none


def cable_pulled(environment: Environment, machine: str, update: subprocess.Popen[Any]) -> None:
    """Cut a machine off from the network for a while."""
    machines.cut_off(environment, machine)
    time.sleep(OUTAGE_SECONDS)
    machines.reconnect(environment, machine)


def run_killed(environment: Environment, machine: str, update: subprocess.Popen[Any]) -> None:
    """Kill the update, with everything that it started here."""
    if update.poll() is None:
        os.killpg(update.pid, signal.SIGKILL)


def nothing(environment: Environment, machine: str, update: subprocess.Popen[Any]) -> None:
    """Let the update run undisturbed."""


FAULTS: list[Fault] = [power_cut, api_stopped, cable_pulled, run_killed, nothing]


def choose(chance: random.Random) -> Fault:
    """A fault by chance."""
    return chance.choice(FAULTS)
