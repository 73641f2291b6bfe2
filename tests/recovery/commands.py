"""Commands of the project, as a person types them, and the power of machines."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from local.machines.engine import podman
from local.paths import REPOSITORY
from tests.ha.machines import HA, HaCluster

KEY, CERTIFICATE = "backup.key", "backup.crt"


def make(command: str, *arguments: str) -> str:
    """Output and errors of `make COMMAND STACK=...`, which may fail."""
    words = ["make", "--silent", command, f"STACK={HA.name}", *arguments]
    return subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout  # noqa: PLW1510


def power_off(*names: str) -> None:
    """Cut the power of machines."""
    # After `podman kill` the restart policy would start the machines beside this program.
    podman("stop", "--time", "0", *map(HA.container, names), step="cut the power")


def power_on(*names: str) -> None:
    """Start machines whose power was cut."""
    podman("start", *map(HA.container, names), step="start machines")


def make_recipient(directory: Path) -> None:
    """Make the certificate for which bundles are encrypted, and its key."""
    files = ["-keyout", str(directory / KEY), "-out", str(directory / CERTIFICATE)]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=backup", *files]
    subprocess.run(new, check=True, capture_output=True)


def name_recipient(live: HaCluster, directory: Path) -> None:
    """Write the recipient into the stack file."""
    content = yaml.safe_load(live.stack.file.read_text())
    content["config"]["kubeadm:backup"] = {"recipient": str(directory / CERTIFICATE)}
    live.stack.file.write_text(yaml.safe_dump(content))
