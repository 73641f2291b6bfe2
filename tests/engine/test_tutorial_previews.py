"""The stacks of the tutorials as a reader makes and previews them: the real engine, a clone, and no machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.paths import CACHE, REPOSITORY, TOOL_CHAIN_BIN
from local.toolchain.pulumi import HAS_PLUGINS
from tests.e2e.tutorials import (
    OWN_MACHINES,
    PRIVATE_MIRRORS,
    THREE,
    commands_without_machines,
    examples_of,
    merged,
)
from tests.unit.support.stacks import CA, full

Shell = Callable[[list[str]], str]
"""Runs commands, one after the other, and returns what they print; the first one that fails ends the test."""

PASSWORD = "of-the-hub"  # noqa: S105
PREVIEW = "pulumi preview --stack shop"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the last commit, with the files that the pages name."""
    project = tmp_path / "pulumi-kubeadm"
    subprocess.run(["git", "clone", "--quiet", f"file://{REPOSITORY}", str(project)], check=True)
    (project / ".venv").symlink_to(REPOSITORY / ".venv")
    (project / "hub-ca.crt").write_text(CA)
    return project


@pytest.fixture
def shell(tmp_path: Path, clone: Path) -> Shell:
    """A shell in the clone, of a person who has never used Pulumi here; what this host has built is reused."""
    variables = {
        "PATH": os.pathsep.join([str(REPOSITORY / ".venv" / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]]),
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(tmp_path / ".pulumi"),
        "PULUMI_CONFIG_PASSPHRASE": "of the tutorial",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "XDG_CACHE_HOME": str(CACHE.parent),
        **({"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"} if HAS_PLUGINS else {}),
    }

    def run(commands: list[str]) -> str:
        finished = subprocess.run(
            ["bash", "-c", "\n".join(["set -euo pipefail", *commands])],
            cwd=clone,
            env=variables,
            input=PASSWORD,  # `pulumi config set --secret` reads it
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    run(['pulumi login "file://$HOME"'])  # --local would be the home of the user database, with a person's own state
    return run


def write(file: Path, settings: dict[str, Any]) -> None:
    """Write a stack file with a manifest that is at hand, and whole host keys; what `pulumi stack init` made stays."""
    content = yaml.safe_load(file.read_text()) if file.exists() else {}
    text = yaml.safe_dump(settings | {"kubeadm:calico": full(file.parent.parent)["calico"]})
    secrets = {key: value for key, value in content.get("config", {}).items() if "secure" in value}
    config = yaml.safe_load(text.replace("AAAA...", "AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE")) | secrets
    file.write_text(yaml.safe_dump(content | {"config": config}))


def test_the_stack_of_private_mirrors_is_previewed_as_the_page_says(clone: Path, shell: Shell) -> None:
    """`Pulumi.lab.yaml` with the settings of the page in it, and each command of the page that needs no machine."""
    file = clone / "Pulumi.lab.yaml"
    settings = yaml.safe_load(file.read_text())["config"]
    for example in examples_of(PRIVATE_MIRRORS):
        settings = merged(example, settings)
    write(file, settings)
    commands = commands_without_machines(PRIVATE_MIRRORS)
    assert [command.partition(" --")[0] for command in commands] == [
        "make images STACK=lab",
        "pulumi stack init lab",
        "pulumi config set",
        "pulumi preview",
    ]
    printed = shell(commands)
    assert "hub.example.com/gcr/google_containers/pause:3.7" in printed
    assert "hub.example.com/dockerhub/calico/node:" in printed
    assert "node1: is prepared and becomes the control plane, Kubernetes 1.24.3" in printed
    assert "shop/registry-credentials" in printed
    assert PASSWORD not in printed


def test_the_stacks_of_shop_are_previewed_as_the_pages_have_them(clone: Path, shell: Shell) -> None:
    """Own machines first, then each edit of three control planes, on top of those before it."""
    assert PREVIEW in commands_without_machines(OWN_MACHINES)
    assert commands_without_machines(THREE) == [PREVIEW]
    file = clone / "Pulumi.shop.yaml"
    settings: dict[str, Any] = {}
    plans: list[str] = []
    for example in [*examples_of(OWN_MACHINES), *examples_of(THREE)]:
        settings = merged(example, settings)
        write(file, settings)
        begin = [] if plans else ["pulumi stack init shop --secrets-provider passphrase"]
        plans.append(shell([*begin, PREVIEW]).partition("Plan for cluster shop:\n")[2].partition("\n\n")[0])
    assert [plan.count(" joins as a control plane") for plan in plans] == [0, 2, 2, 1]
    assert [plan.count("is prepared") for plan in plans] == [3, 5, 5, 4]
