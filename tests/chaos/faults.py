"""Faults that strike a machine, the API server or the run itself while an update runs."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import machines
from local.environment import Environment
from local.machines.engine import podman
from tests.e2e.watching import kill_group

OUTAGE_SECONDS = 20
"""Longest duration of an outage: longer than a time limit of a connection, shorter than the patience of a step."""
LOST_PACKETS = 0.3
"""Share of the packets that a machine does not get."""
FULL_DISK = (Path(__file__).parent / "full_disk.sh").read_text()

Update = subprocess.Popen[Any]
Fault = Callable[[Environment, str, Update], None]


def power_cut(environment: Environment, machine: str, update: Update) -> None:
    """Cut the power of a machine, which starts again at once."""
    # After `podman kill` the restart policy would start the machine beside this program.
    for command in (["stop", "--time", "0"], ["start"]):
        podman(*command, environment.container(machine), step="cut the power")


def api_stopped(environment: Environment, machine: str, update: Update) -> None:
    """Stop the API server; its kubelet starts another one."""
    control_plane = next(iter(environment.machines))
    on(environment, control_plane, "crictl ps --quiet --name kube-apiserver | xargs --no-run-if-empty crictl stop")


def cable_pulled(environment: Environment, machine: str, update: Update) -> None:
    """Cut a machine off from the network for a while."""
    machines.cut_off(environment, machine)
    _wait(update)
    machines.reconnect(environment, machine)


def packets_lost(environment: Environment, machine: str, update: Update) -> None:
    """Drop a share of the packets that a machine gets, for a while."""
    process = podman("inspect", "--format", "{{.State.Pid}}", environment.container(machine), step="find the machine")
    rule = ["PREROUTING", "--table", "raw", "--in-interface", "eth0", "--match", "statistic", "--mode", "random"]
    for action in ("--insert", "--delete"):
        # From outside: a machine that no update has prepared has no iptables.
        command = ["nsenter", "--net", "--target", process.strip(), "iptables", action, *rule]
        subprocess.run([*command, "--probability", str(LOST_PACKETS), "--jump", "DROP"], check=True)
        if action == "--insert":
            _wait(update)


def disk_full(environment: Environment, machine: str, update: Update) -> None:
    """Leave no room for the files of steps, for a while."""
    on(environment, machine, f"{FULL_DISK}\nfill")
    _wait(update)
    on(environment, machine, f"{FULL_DISK}\nfree")


def run_killed(environment: Environment, machine: str, update: Update) -> None:
    """Kill the update, with everything that it started here."""
    if update.poll() is None:
        kill_group(update.pid)


def nothing(environment: Environment, machine: str, update: Update) -> None:
    """Let the update run undisturbed."""


FAULTS: list[Fault] = [power_cut, api_stopped, cable_pulled, packets_lost, disk_full, run_killed, run_killed, nothing]


def choose(chance: random.Random) -> Fault:
    """A fault by chance."""
    return chance.choice(FAULTS)


def on(environment: Environment, machine: str, script: str) -> str:
    """Standard output of a script that root runs on a machine; empty where the script failed."""
    command = ["podman", "exec", "--interactive", environment.container(machine), "bash", "-uo", "pipefail", "-s"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=400).stdout


def _wait(update: Update) -> None:
    """Wait for the duration of an outage, or for the end of the update."""
    deadline = time.monotonic() + OUTAGE_SECONDS
    while update.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)  # the update ends in its own time
