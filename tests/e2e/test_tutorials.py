"""The tutorials, typed by a script: from a clone to a workload that answers, and to a bundle that opens."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import yaml

from local.mirror import MirrorAccess
from local.paths import CACHE, REPOSITORY, TOOL_CHAIN_BIN
from local.toolchain.pulumi import HAS_PLUGINS
from tests.e2e.conftest import E2E, EVIDENCE, STACK, machine_names, new_machines
from tests.e2e.tutorials import ETCD, OWN_MACHINES, rows_of_nodes, script, settings_of

TUTORIAL_MACHINES = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
LIMIT_SECONDS = 1800
PROXY = re.compile(r"(?i)(?:http|https|no)_proxy")
"""With no_proxy: the machines are reached without a proxy."""


def answers() -> str:
    """Answers to `make new-stack`, as the table of the tutorial has them."""
    hosts = (f"node{number}\n{E2E.address(name)}\n\ny\n" for number, name in enumerate(machine_names(), start=1))
    return f"\ndebian\n{''.join(hosts)}\n"


def settings_of_this_host() -> dict[str, Any]:
    """The settings with which the machines of the test install: mirror, and exceptions of this host."""
    text = re.sub(r"(?<![\w/])\.local/", f"{REPOSITORY}/.local/", STACK.file.read_text())  # paths below the clone
    config = yaml.safe_load(text)["config"]
    left_out = ("kubeadm:hosts", "kubeadm:ssh", "kubeadm:access", "kubeadm:registryPassword")
    return {key: value for key, value in config.items() if key.startswith("kubeadm:") and key not in left_out}


def clone(directory: Path, access: MirrorAccess) -> Path:
    """A clone of the last commit, with the files that the script reads. Its packages are those of this checkout."""
    project = directory / "pulumi-kubeadm"
    subprocess.run(["git", "clone", "--quiet", f"file://{REPOSITORY}", str(project)], check=True)
    (project / ".venv").symlink_to(REPOSITORY / ".venv")
    (project / "answers").write_text(answers())
    (project / "mirror.yaml").write_text(json.dumps(settings_of_this_host()))
    (project / "backup.yaml").write_text(json.dumps(settings_of(ETCD)))
    (project / "password").write_text(access.password)
    (project / "password").chmod(0o600)
    return project


def home(directory: Path) -> Path:
    """A home directory with the key that the machines admit."""
    ssh = directory / "home" / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    for name in ("id_ed25519", "known_hosts"):
        shutil.copy(E2E.directory / name, ssh)
    (ssh / "id_ed25519").chmod(0o600)
    return ssh.parent


def environment(directory: Path, access: MirrorAccess) -> dict[str, str]:
    """Variables of a person who has never used Pulumi here; downloads that this host has are reused."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"} or PROXY.fullmatch(name)}
    found = home(directory)
    variables = {
        **kept,
        "PATH": f"{TOOL_CHAIN_BIN}:{kept['PATH']}",
        "HOME": str(found),
        "PULUMI_HOME": str(found / ".pulumi"),
        "XDG_CACHE_HOME": str(CACHE.parent),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PROBE_IMAGE": access.probe_image,
        "KUBECTL": f"{E2E.container(machine_names()[0])}:/usr/bin/kubectl",
    }
    if HAS_PLUGINS:
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return variables


def run(text: str, project: Path, variables: dict[str, str], output: TextIO) -> int:
    """Exit status of a script; what it started ends with it, so that no update goes on beside the next test."""
    with subprocess.Popen(
        ["bash", "-c", text],
        cwd=project,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(LIMIT_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_the_commands_of_the_tutorials_work_as_they_are_written(tmp_path: Path) -> None:
    """On machines that began anew; tests/e2e/tutorials.py has what is substituted, and what is left out."""
    addresses = dict(zip(TUTORIAL_MACHINES, map(E2E.address, machine_names()), strict=True))
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    log = EVIDENCE / "tutorials.log"
    with new_machines() as access, log.open("w") as output:
        status = run(script(addresses), clone(tmp_path, access), environment(tmp_path, access), output)
    text = log.read_text(errors="replace")
    assert status == 0, f"{log}, its end:\n{text[-4000:]}"
    assert "node1: is prepared and becomes the control plane" in text, "the plan that the page shows"
    assert [row.pattern for row in rows_of_nodes(OWN_MACHINES) if not row.search(text)] == []
