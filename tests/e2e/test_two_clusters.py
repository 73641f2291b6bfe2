"""Two clusters in one program, beside a command of the user's own: the real engine, on stand-in machines."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment
from tests.bench.stand_ins import StandIns, address, stand_ins
from tests.unit.support.stacks import CALICO_MANIFEST

PROGRAM = """\
import pulumi
from pulumi_command import remote

from {module} import {cluster}
from components.settings.stack_file import parse_settings

config = pulumi.Config()
for name in ("blue", "green"):
    {cluster}(name, parse_settings(config.require_object(name)))

remote.Command(
    "backup",
    connection=remote.ConnectionArgs(
        host=config.require("address"), host_key=config.require("hostKey"), private_key=config.require("key")
    ),
    create="true",
)
"""
HOSTS: dict[str, tuple[int, ...]] = {"blue": (1, 2), "green": (3, 4)}
"""Numbers of machines; the first one of each is a control plane. Both clusters name their hosts node1 and node2."""


@pytest.fixture(scope="module")
def machines() -> Iterator[StandIns]:
    """Machines whose steps do nothing."""
    with stand_ins() as found:
        yield found


def stack_file(machines: StandIns, hosts: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Settings of both clusters."""
    manifest = machines.private_key.with_name("calico.yaml")
    manifest.write_text(CALICO_MANIFEST)
    sha256 = hashlib.sha256(CALICO_MANIFEST.encode()).hexdigest()
    clusters = {
        f"kubeadm:{name}": {
            "cluster": {"name": name},
            "ssh": {"privateKeyFile": str(machines.private_key)},
            "calico": {"manifestUrl": manifest.as_uri(), "manifestSha256": sha256},
            "hosts": {
                f"node{position}": {
                    "name": f"node{position}",
                    "address": address(number),
                    "hostKey": machines.host_key,
                    "role": "control-plane" if position == 1 else "worker",
                }
                for position, number in enumerate(numbers, start=1)
            },
        }
        for name, numbers in hosts.items()
    }
    command = {
        "kubeadm:address": address(9),
        "kubeadm:hostKey": machines.host_key,
        "kubeadm:key": machines.private_key.read_text(),
    }
    return clusters | command


class Project:
    """A program of a test's own, with a state of its own."""

    def __init__(self, directory: Path, machines: StandIns, program: str) -> None:
        self._directory, self._machines = directory, machines
        (directory / "state").mkdir()
        (directory / "Pulumi.yaml").write_text("{name: kubeadm, runtime: python}\n")
        (directory / "__main__.py").write_text(program)
        self._environment = {
            **tool_environment(),
            "PULUMI_BACKEND_URL": f"{(directory / 'state').as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PYTHONPATH": str(REPOSITORY),
        }
        del self._environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        self.run("stack", "init", "two")
        self.configure(HOSTS)

    def configure(self, hosts: dict[str, tuple[int, ...]]) -> None:
        """Write the stack file; the salt of its passphrase stays."""
        file = self._directory / "Pulumi.two.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**(content or {}), "config": stack_file(self._machines, hosts)}))

    def run(self, *arguments: str) -> str:
        """What Pulumi prints."""
        finished = subprocess.run(
            [*self._machines.inside, "pulumi", *arguments, "--non-interactive"],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def names(self) -> set[str]:
        """Resources in the state."""
        state = json.loads(self.run("stack", "export"))
        return {each["urn"].rpartition("::")[2] for each in state["deployment"]["resources"]}


def test_two_clusters_live_in_one_stack_and_change_alone(tmp_path: Path, machines: StandIns) -> None:
    """Each reads its own steps, and none the foreign command, which has no standard input."""
    project = Project(tmp_path, machines, PROGRAM.format(module="tests.bench.hosts_only", cluster="HostsOnly"))
    project.run("up", "--yes", "--skip-preview")
    assert {"blue/node2/join", "green/node2/join", "backup"} <= project.names()
    project.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    project.configure(HOSTS | {"blue": (1, 2, 5)})
    before = project.names()
    said = project.run("preview")
    assert "node3: is prepared and joins" in said
    assert said.count("nothing is done to any node") == 1, "the plan of the other cluster"
    project.run("up", "--yes", "--skip-preview")
    added = project.names() - before
    assert added
    assert {name.rpartition("/")[0] or name for name in added} <= {"blue", "blue/node3"}


def test_the_preview_of_a_program_with_two_clusters_shows_both(tmp_path: Path, machines: StandIns) -> None:
    """With every object of both; nothing is dialled."""
    project = Project(tmp_path, machines, PROGRAM.format(module="components.cluster", cluster="Cluster"))
    before = machines.logins()
    said = project.run("preview", "--diff")
    for name in ("blue", "green"):
        assert f"::{name}/DaemonSet:kube-system/calico-node]" in said
    assert machines.logins() == before
