"""The container engine that local machines run in: podman as root, with runc and netavark."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from local.commands import answers_yes, run
from local.debian import install_packages
from local.environment import Environment
from local.paths import REPOSITORY
from problem import StepError

PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
}
"""Debian package by program. netavark does not start without iptables, whatever the network."""

LABEL = "pulumi-kubeadm"
"""Label of every container, network and volume of local machines; the value names the environment and the checkout."""


def ensure_engine() -> None:
    """Install podman, runc and netavark if they are missing.

    Raises:
        StepError: not root, no way to install packages, or podman uses another kind of network than netavark.
    """
    step = "find a container engine"
    if os.geteuid() != 0:
        raise StepError(
            step,
            expected="root, because local machines run systemd and mount file systems",
            seen=f"user id {os.geteuid()}",
            next_command="sudo make up",
        )
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if "podman" in missing:
        missing.append("netavark")
    install_packages(missing, why="to run local machines in containers")
    # CNI gives the host no address on an internal network, so nothing here could reach the machines.
    backend = podman("info", "--format", "{{.Host.NetworkBackend}}", step=step).strip()
    if backend != "netavark":
        raise StepError(
            step,
            expected="podman 4 or newer with the network backend netavark",
            seen=f"network backend {backend or 'unknown'}",
            next_command="install netavark and set network_backend in containers.conf; podman info",
        )


def is_installed() -> bool:
    """True where podman is installed; without podman there are no local machines."""
    return shutil.which("podman") is not None


def podman(*arguments: str, step: str) -> str:
    """Run podman and return its standard output.

    Raises:
        StepError: podman failed.
    """
    # Debian 12's crun refuses hosts with hybrid cgroups; runc runs on all.
    # An interrupted start leaves an address allocated that nothing releases (podman 4.3.1, netavark).
    return run(["podman", "--runtime", "runc", *arguments], step=step, log="podman", to_its_end=True)


def storage() -> Path:
    """The directory of images, containers and volumes.

    Raises:
        StepError: podman is missing, or does not say it.
    """
    return Path(podman("info", "--format", "{{.Store.GraphRoot}}", step="find the disk of the machines").strip())


def inspected(kind: str, name: str, *, step: str) -> dict[str, Any] | None:
    """Podman's description of the container, network, volume or image with this name; None without such a one.

    Raises:
        StepError: podman failed, so that the answer is not known.
    """
    if not is_installed() or not answers_yes(["podman", kind, "exists", name], step=step):
        return None
    found: dict[str, Any] = json.loads(podman(kind, "inspect", name, step=step))[0]
    return found


def owner(environment: Environment) -> str:
    """Value of LABEL: the environment, and its checkout."""
    return f"{environment.name} {REPOSITORY}"
