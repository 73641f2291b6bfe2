"""Interrupted runs of `make up`, and the state after a run that was not interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from local import cluster
from local.paths import LOGS, REPOSITORY, STATE
from tests.faults.machines import FAULTS, on_machine, stack

UP_SECONDS = 900
PATIENCE_SECONDS = 40
POLL_SECONDS = 0.05
PROGRAM_LOGS = [LOGS / f"pulumi-{FAULTS.name}.log", LOGS / "podman.log"]


class Run:
    """A `make up` that runs, in a process group of its own as a shell gives it."""

    def __init__(self, directory: Path, *settings: str) -> None:
        self._output = directory / "output"
        self._began_at = {log: log.stat().st_size for log in PROGRAM_LOGS if log.exists()}
        with self._output.open("w") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.machines", *settings],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # As in the foreground of a terminal; what a shell starts in the background ignores Ctrl-C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
            )

    def seen(self) -> str:
        """The output of the run so far, and the logs of Pulumi and podman about it."""
        logs = [log.read_bytes()[self._began_at.get(log, 0) :] for log in PROGRAM_LOGS if log.exists()]
        return self._output.read_text() + b"".join(logs).decode(errors="replace")

    def wait_for(self, reached: Callable[[Run], bool]) -> None:
        """Wait until the run reaches a point; the run goes on."""
        deadline = time.monotonic() + UP_SECONDS
        while not reached(self):
            assert self._process.poll() is None, f"the run ended before the point:\n{self.seen()[-3000:]}"
            assert time.monotonic() < deadline, self.seen()[-3000:]
            time.sleep(POLL_SECONDS)

    def interrupt(self, signal_number: signal.Signals) -> None:
        """Send a signal to the whole group, again if its end takes long, as with Ctrl-C, and wait for its end."""
        os.killpg(self._process.pid, signal_number)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_SECONDS)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal_number)
        assert self._process.wait(UP_SECONDS) != 0, self.seen()[-3000:]

    def error(self, *, within: float = UP_SECONDS) -> str:
        """The error of a run that has failed, some seconds later at most."""
        assert self._process.wait(within) == 1, self.seen()[-3000:]
        return self._output.read_text()

    def succeed(self) -> None:
        """Wait for the end of the run, and check that it succeeded."""
        assert self._process.wait(UP_SECONDS) == 0, self.seen()[-3000:]


def shows(pattern: str) -> Callable[[Run], bool]:
    """A point: a line was printed."""
    return lambda run: re.search(pattern, run.seen()) is not None


def exists_on(machine: str, path: str) -> Callable[[Run], bool]:
    """A point: a file is on a machine."""
    return lambda _: on_machine(machine, f"[[ -e {path} ]] && echo yes") == "yes\n"


def pending_operations() -> list[object]:
    """Operations that the engine began and whose end it does not know."""
    exported = stack().pulumi("stack", "export", "--stack", FAULTS.name, step="export the state")
    return json.loads(exported)["deployment"].get("pending_operations") or []


def assert_converged() -> None:
    """Check that nodes are Ready, Pulumi has nothing to do, and no lock, pending operation or partial file is left."""
    kubectl = [str(cluster.kubectl(FAULTS)), "--kubeconfig", str(FAULTS.directory / "kubeconfig")]
    nodes = json.loads(subprocess.check_output([*kubectl, "get", "nodes", "--output=json"], text=True))["items"]
    ready = {
        node["metadata"]["name"]: each["status"]
        for node in nodes
        for each in node["status"]["conditions"]
        if each["type"] == "Ready"
    }
    assert ready == dict.fromkeys(FAULTS.machines, "True")
    stack().up(None, "--expect-no-changes")
    assert not pending_operations()
    assert not list((STATE / "pulumi-state").rglob(f"locks/**/{FAULTS.name}/*.json"))
    assert not list(FAULTS.directory.rglob("*.unfinished*"))
    containers = ["podman", "ps", "--all", "--external", "--filter", f"name={FAULTS.name}-", "--format", "{{.Names}}"]
    wanted = {*(FAULTS.container(machine) for machine in FAULTS.machines), f"{FAULTS.name}-mirror"}
    assert set(subprocess.check_output(containers, text=True).split()) == wanted
    for machine in FAULTS.machines:
        assert on_machine(machine, "ls /run/pulumi-kubeadm").split() == ["lock"]


def follow(seen: str, machine: str) -> None:
    """Run the command of an error on the machine, as the user of the stack."""
    advice = re.search(rf"Next: on {machine}: (sudo sh -c '[^']+')", seen)
    assert advice, seen
    user = ["podman", "exec", "--user", "debian", FAULTS.container(machine), "bash", "-c", advice[1]]
    finished = subprocess.run(user, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
