"""A machine that freezes in the middle of an update: the real engine ends, within its bound, and goes on afterwards.

A server of its own stands for the machine. It stops while a step runs there: its kernel accepts, and nobody answers.
With the times of this test the bound is half a minute; components/steps/watch.py has the real ones.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench.stand_ins import SSHD, StandIns, stand_ins
from tests.engine.project import PROGRAM, Project

HASTE = """\
from components.steps import watch
watch.LOOK_SECONDS = watch.PATIENCE_SECONDS = 1

"""
PORT = 2222
HOSTS: dict[str, tuple[int, ...]] = {"blue": (1, 2)}


@dataclass(frozen=True)
class Freezer:
    """The machine that freezes.

    Attributes:
        machines: the other machines.
        server: its SSH server.
    """

    machines: StandIns
    server: subprocess.Popen[bytes]

    @property
    def _order(self) -> Path:
        return self.machines.private_key.with_name("freeze")

    def freeze_at_next_step(self) -> None:
        """The machine stops as soon as a step runs there."""
        self._order.touch()

    def thaw(self) -> None:
        """The machine goes on; what ran is lost, as after its restart."""
        self._order.unlink()
        self.server.send_signal(signal.SIGCONT)


@pytest.fixture
def freezer() -> Iterator[Freezer]:
    """Stand-in machines, one of which may freeze."""
    with stand_ins() as machines:
        directory = machines.private_key.parent
        configuration = directory / "sshd_config.freezer"
        configuration.write_text((directory / "sshd_config").read_text().replace("0.0.0.0:22", f"0.0.0.0:{PORT}"))
        with subprocess.Popen([*machines.inside, SSHD, "-D", "-f", configuration]) as server:
            at_each_step = directory / "answers" / "watch"
            at_each_step.write_text(
                f'#!/bin/sh\n[ "${{SSH_CONNECTION##* }} ${{1%% *}}" = "{PORT} run_step" ] || exit 0\n'
                f"[ -e {directory}/freeze ] || exit 0\n"
                f"kill -STOP {server.pid}\nexec sleep 1000\n"
            )
            at_each_step.chmod(0o755)
            try:
                yield Freezer(machines, server)
            finally:
                server.kill()


def project_with(freezer: Freezer, directory: Path) -> Project:
    """One cluster of a control plane and a worker, which is the machine that freezes."""
    program = PROGRAM.format(module="tests.bench.hosts_only", cluster="HostsOnly").replace('"blue", "green"', '"blue",')
    project = Project(directory, freezer.machines, HASTE + program)
    configure(project, directory, HOSTS)
    return project


def configure(project: Project, directory: Path, hosts: dict[str, tuple[int, ...]]) -> None:
    """Write the stack file: the worker has a port of its own."""
    project.configure(hosts)
    file = directory / "Pulumi.two.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    blue = content["config"]["kubeadm:blue"]
    blue["ssh"] |= {"perDialTimeout": 1}
    if "node2" in blue["hosts"]:
        blue["hosts"]["node2"]["port"] = PORT
    file.write_text(yaml.safe_dump(content))


def assert_in_order(project: Project) -> None:
    """The engine kept its state: nothing is pending."""
    assert not json.loads(project.run("stack", "export"))["deployment"].get("pending_operations")


def test_a_machine_that_freezes_while_a_step_runs_ends_the_update(tmp_path: Path, freezer: Freezer) -> None:
    """The other machine comes to its end first; the next update brings the frozen one there."""
    project = project_with(freezer, tmp_path)
    freezer.freeze_at_next_step()
    status, printed = project.attempt("up", "--yes", "--skip-preview")
    assert status != 0
    assert "node2: prepare: expected its SSH server to answer while the step runs" in printed
    assert "pulumi up, which waits for a step that still runs" in printed
    assert {"blue/node1/init", "blue/node1/images"} <= set(project.resources())
    assert_in_order(project)
    freezer.thaw()
    project.run("up", "--yes", "--skip-preview")
    assert "blue/node2/join" in project.resources()


def test_a_machine_that_freezes_while_its_host_leaves_ends_the_update(tmp_path: Path, freezer: Freezer) -> None:
    """The engine deletes when the program has said all; the control plane, which ran the leaving, answers."""
    project = project_with(freezer, tmp_path)
    project.run("up", "--yes", "--skip-preview")
    configure(project, tmp_path, {"blue": (1,)})
    freezer.freeze_at_next_step()
    status, printed = project.attempt("up", "--yes", "--skip-preview")
    assert status != 0
    assert "node2: reset: expected its SSH server to answer while the step runs" in printed
    assert "`gone: true` into that of node2" in printed
    resources = project.resources()
    assert "blue/node2/membership" not in resources
    assert "blue/node2/prepare" in resources
    assert_in_order(project)
    freezer.thaw()
    project.run("up", "--yes", "--skip-preview")
    assert not [name for name in project.resources() if name.startswith("blue/node2/")]
