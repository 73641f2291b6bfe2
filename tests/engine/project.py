"""A program on stand-in machines with a state of its own: the real engine, real SSH, and steps that do nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment
from operations.preview._preview import Selection
from tests.bench.stand_ins import StandIns, address
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


def stack_file(machines: StandIns, hosts: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
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
        for name in ("state", "tmp"):
            (directory / name).mkdir()
        (directory / "Pulumi.yaml").write_text("{name: kubeadm, runtime: python}\n")
        (directory / "__main__.py").write_text(program)
        self._environment = {
            **tool_environment(),
            "PULUMI_BACKEND_URL": f"{(directory / 'state').as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DEBUG_COMMANDS": "true",  # for the event log
            "PYTHONPATH": str(REPOSITORY),
            "TMPDIR": str(directory / "tmp"),
        }
        del self._environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        self.run("stack", "init", "two")
        self.configure(HOSTS)

    def configure(self, hosts: Mapping[str, tuple[int, ...]]) -> None:
        """Write the stack file; the salt of its passphrase stays."""
        file = self._directory / "Pulumi.two.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**(content or {}), "config": stack_file(self._machines, hosts)}))

    @property
    def selection(self) -> Selection:
        """The project, for a preview as a pull request has it."""
        return Selection(self._directory, "two", self._directory / "Pulumi.two.yaml", self._environment)

    def run(self, *arguments: str) -> str:
        """Run Pulumi; it succeeds."""
        status, printed = self.attempt(*arguments)
        assert status == 0, printed
        return printed

    def attempt(self, *arguments: str) -> tuple[int, str]:
        """Exit status of Pulumi, and what it prints."""
        finished = subprocess.run(
            [*self._machines.inside, "pulumi", *arguments, "--non-interactive"],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return finished.returncode, finished.stdout + finished.stderr

    def resources(self) -> dict[str, dict[str, Any]]:
        """Resources in the state, by name."""
        state = json.loads(self.run("stack", "export"))
        return {each["urn"].rpartition("::")[2]: each for each in state["deployment"]["resources"]}
