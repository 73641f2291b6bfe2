"""A cluster that is known by what was minted once: its stack may be renamed, moved, run from elsewhere, or lost."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import cluster
from local.paths import REPOSITORY, STATE
from local.toolchain import environment as tool_environment
from tests.e2e.conftest import E2E, STACK, Cluster, machine_names, operation
from tests.e2e.watching import logins, visits

FIRST = machine_names()[0]
OWNER = "cat /var/lib/pulumi-kubeadm/owner"


def pulumi(*arguments: str, backend: Path | None = None, directory: Path = REPOSITORY, given: str = "") -> str:
    """What Pulumi prints; of a backend of its own, or of a checkout elsewhere."""
    environment = tool_environment()
    if backend:
        environment["PULUMI_BACKEND_URL"] = f"file://{backend}?metadata=skip"
    finished = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=directory,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def assert_nothing_changes(
    live: Cluster, stack: str, *, backend: Path | None = None, directory: Path = REPOSITORY
) -> None:
    """Neither preview nor update has anything to do, and no machine is visited."""
    before = logins(live)
    selection = ("--stack", stack, "--config-file", str(STACK.file), "--suppress-outputs")
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        pulumi(*command, "--expect-no-changes", *selection, backend=backend, directory=directory)
    assert visits(live, before) == dict.fromkeys(machine_names(), 0)


@contextmanager
def renamed(old: str, new: str) -> Iterator[None]:
    """The stack under another name, for a while."""
    pulumi("stack", "rename", new, "--stack", old)
    try:
        yield
    finally:
        pulumi("stack", "rename", old, "--stack", new)


@pytest.fixture
def other_backend(tmp_path: Path) -> Path:
    """An empty backend."""
    directory = tmp_path / "backend"
    directory.mkdir()
    return directory


def new_stack(name: str, backend: Path, scratch: Path) -> None:
    """A stack of which nothing exists yet; its project is a copy, because Pulumi writes into it."""
    scratch.mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "Pulumi.yaml", scratch)
    pulumi("stack", "init", name, "--no-select", backend=backend, directory=scratch)


def test_a_renamed_stack_changes_nothing(live: Cluster) -> None:
    """It was 52 resources of 79 once, and machines that refused."""
    with renamed(E2E.name, "production"):
        assert_nothing_changes(live, "production")


def test_a_stack_in_another_backend_changes_nothing(live: Cluster, other_backend: Path, tmp_path: Path) -> None:
    """By export and import, and under another name there."""
    new_stack(E2E.name, other_backend, tmp_path / "project")
    state = pulumi("stack", "export", "--stack", E2E.name)
    pulumi("stack", "import", "--stack", E2E.name, backend=other_backend, given=state)
    assert_nothing_changes(live, E2E.name, backend=other_backend)
    pulumi("stack", "rename", "moved", "--stack", E2E.name, backend=other_backend)
    assert_nothing_changes(live, "moved", backend=other_backend)


def test_another_checkout_changes_nothing(live: Cluster, tmp_path: Path) -> None:
    """In a directory of another name."""
    checkout = tmp_path / "elsewhere"
    files = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for name in files.splitlines():
        if not (REPOSITORY / name).exists():
            continue
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, checkout / name)
    (checkout / ".local").symlink_to(STATE)
    (checkout / ".venv").symlink_to(REPOSITORY / ".venv")
    assert_nothing_changes(live, E2E.name, directory=checkout)


def test_a_machine_of_another_cluster_is_refused_by_name(live: Cluster, other_backend: Path, tmp_path: Path) -> None:
    """A stack with the same names and no state: another team has it in its backend, or its state is lost."""
    new_stack(E2E.name, other_backend, tmp_path / "project")
    owner = live.on(FIRST, OWNER)
    with pytest.raises(AssertionError) as error:
        up_elsewhere(other_backend)
    assert f"it belongs to cluster e2e ({owner})" in str(error.value)
    assert f"`id: {owner}` in kubeadm:cluster of the stack file" in str(error.value)
    assert "reset" not in str(error.value).partition("it belongs to")[2].partition("Next:")[2].partition("\n")[0]
    assert live.on(FIRST, OWNER) == owner


def test_a_stack_whose_state_is_lost_takes_its_cluster_over(live: Cluster, other_backend: Path, tmp_path: Path) -> None:
    """By the advice of the refusal: nothing is initialised or joined anew. The lost kubeconfig is revoked."""
    new_stack(E2E.name, other_backend, tmp_path / "project")
    uids = {node["metadata"]["name"]: node["metadata"]["uid"] for node in live.get("nodes")["items"]}
    file = tmp_path / "Pulumi.taken-over.yaml"
    shutil.copy(STACK.file, file)
    path = ("--path", "cluster.id", live.on(FIRST, OWNER))
    pulumi("config", "set", *path, "--stack", E2E.name, "--config-file", str(file), backend=other_backend)
    up_elsewhere(other_backend, file)
    assert "Forbidden" in live.kubectl("get", "nodes", check=False)
    # The stack of the other tests was not lost: it gets its certificate back, without which it cannot open results.
    status, printed = operation("repair", E2E.name, FIRST)
    assert status == 0, printed
    live.stack.up(None, "--replace", "**/kubeconfig")
    cluster.keep_kubeconfig(STACK)
    assert {node["metadata"]["name"]: node["metadata"]["uid"] for node in live.get("nodes")["items"]} == uids
    state = json.loads(pulumi("stack", "export", "--stack", E2E.name, backend=other_backend))
    kept = [each for each in state["deployment"]["resources"] if each["urn"].endswith("::cluster/identity")]
    assert [each["outputs"]["output"] for each in kept] == [live.on(FIRST, OWNER)]


def up_elsewhere(backend: Path, file: Path = STACK.file) -> None:
    """An update with the state of another backend."""
    selection = ("--stack", E2E.name, "--config-file", str(file), "--suppress-outputs")
    pulumi("up", "--yes", "--skip-preview", *selection, backend=backend)
