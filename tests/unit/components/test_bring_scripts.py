"""The hook that brings the scripts to a host: when it runs, and what it does."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.host_files import files_of
from components.settings import Host, Ssh
from components.settings.stack_file import parse_settings
from components.steps import bring_scripts
from components.steps.last_update import LastUpdate
from components.steps.scripts import install_scripts
from components.steps.sealing import SealingKey
from components.steps.ssh import Answer
from components.steps.step import Step, StepName
from components.steps.wanted import Wanted, wanted_steps
from components.steps.watch import Watch
from tests.unit.support.loops import finished
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import smallest


@pytest.fixture(scope="module")
def before(directory: Path) -> Recording:
    """One control plane and two workers, up."""
    return record(stack_of(directory, "node2", "node3"), preview=False)


def hooks_of(run: Recording, name: str) -> tuple[list[str], list[str]]:
    """Hooks before a command is created, and before it is updated."""
    hooks = run.commands[name].request.hooks
    return list(hooks.before_create), list(hooks.before_update)


def test_the_first_command_of_each_host_brings_the_scripts(before: Recording) -> None:
    """At each of its runs, whatever the reason: the others find the scripts. They demand that the machine answers.

    Hooks are the same in each update: Pulumi writes the whole state for each resource whose hooks differ.
    """
    for name in before.commands:
        expected = ["cluster/scripts" if name.endswith("/prepare") else "cluster/answers"]
        assert hooks_of(before, name) == (expected, expected), name


def bring(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[tuple[str, str, int]]:
    """Run the hook for a host that answers: name of the host, text, and how often a connection is tried."""
    runs: list[tuple[str, str, int]] = []

    async def run_as_root(host: Host, _: Ssh, text: str, *, attempts: int) -> Answer:
        runs.append((host.name, text, attempts))
        return answer

    watched: list[Step] = []
    monkeypatch.setattr(Watch, "begins", lambda _, step: watched.append(step))
    hooks: list[Any] = []
    monkeypatch.setattr(bring_scripts, "run_as_root", run_as_root)
    monkeypatch.setattr(pulumi, "ResourceHook", lambda _, callback: hooks.append(callback))
    settings = parse_settings(smallest())
    steps = wanted_steps(settings, LastUpdate(), [], "0123456789abcdef", "certificate")
    bring_scripts.bring_scripts(
        Wanted("cluster", settings, LastUpdate(), "0123456789abcdef", SealingKey("certificate", ""), steps),
        Watch(settings.ssh),
    )
    finished(hooks[0](SimpleNamespace(name="cluster/node1/prepare", old_inputs=None)))
    assert [step.name for step in watched] == [StepName.PREPARE]
    return runs


def test_the_hook_installs_the_scripts_for_this_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is dropped is tried as often as the stack file says."""
    host = parse_settings(smallest()).control_planes[0]
    text = install_scripts(identity="0123456789abcdef", files=files_of(host, parse_settings(smallest())).shared)
    assert bring(monkeypatch, Answer(0, "", "")) == [("node1", f"{bring_scripts.SAY_CLOCK}{text}", 8)]


@pytest.mark.parametrize(("seconds", "is_fine"), [(-240, True), (240, True), (-360, False), (7200, False)])
def test_the_clock_of_a_new_control_plane_is_that_of_here(
    monkeypatch: pytest.MonkeyPatch, seconds: int, is_fine: bool
) -> None:
    """It signs the authority of the cluster: nobody would trust that before the clock of the machine has come."""
    answer = Answer(0, f"{int(time.time()) + seconds}\n", "")
    if is_fine:
        bring(monkeypatch, answer)
        return
    with pytest.raises(pulumi.RunError, match=r"node1: prepare: expected a clock within 300 s of the one where Pulumi"):
        bring(monkeypatch, answer)


@pytest.mark.parametrize(
    ("status", "log", "expected"),
    [
        (255, "Connection timed out during banner exchange", "node1: prepare: expected an answer"),
        (255, "root@192.0.2.11: Permission denied (publickey).", "node1: prepare: expected user root to be let in"),
        (
            255,
            'Load key "k": bad permissions\nPermission denied',
            "expected a private key that only its owner may read",
        ),
        (255, "kex_exchange_identification: Connection closed", "expected its SSH server to talk to this address"),
        (
            1,
            "tar: no space left on device",
            "expected the host to take the scripts of this project,\n  saw tar: no space",
        ),
    ],
)
def test_a_host_that_does_not_take_them_ends_the_step(
    monkeypatch: pytest.MonkeyPatch, status: int, log: str, expected: str
) -> None:
    """With host, step, and what to do."""
    monkeypatch.setattr(pulumi, "get_stack", lambda: "shop")
    with pytest.raises(pulumi.RunError) as error:
        bring(monkeypatch, Answer(status, "", log))
    assert expected in str(error.value)
    assert "\n  Next: " in str(error.value)
