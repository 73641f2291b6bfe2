"""Output of `make status` on the cluster, and its advice, followed to the letter."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable

from local.paths import REPOSITORY
from local.toolchain import environment as tool_environment
from tests.e2e.conftest import E2E, operation

PATIENCE_SECONDS = 150
"""Time until kubelet and API server notice: a node is NotReady after 40 s of silence, a back-off lasts a minute."""


def status(*arguments: str) -> tuple[int, str]:
    """Exit status and output of `make status`."""
    return operation("status", E2E.name, "--kubeconfig", str(E2E.directory / "kubeconfig"), *arguments)


def wait_for(is_there: Callable[[int, str], bool]) -> str:
    """The output of `make status`, once it meets a condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        code, output = status()
        if is_there(code, output):
            return output
        assert time.monotonic() < deadline, output
        time.sleep(2)  # the cluster notices by itself, in its own time


def assert_named(*words: str) -> None:
    """Check that `make status` ends with 1 and prints all of these texts."""
    wait_for(lambda code, output: code == 1 and all(each in output for each in words))


def assert_well() -> None:
    """Check that `make status` ends with 0."""
    wait_for(lambda code, output: code == 0 and "all is well" in output)


def follow(problem: str) -> str:
    """Run the command after `Next:` of a problem, once status prints the problem; returns what the command prints."""
    output = wait_for(lambda code, output: code == 1 and problem in output)
    found = re.search(rf"^{re.escape(problem)}.*?\n  Next: (.*)$", output, re.MULTILINE | re.DOTALL)
    assert found, output
    environment = {**tool_environment(), "PULUMI_SKIP_CONFIRMATIONS": "true"}  # a person answers yes
    command = ["bash", "-euo", "pipefail", "-c", found[1].partition("\n")[0]]
    finished = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
