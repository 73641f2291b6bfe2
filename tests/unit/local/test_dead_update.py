"""What a killed update left is out of the way of the next one; what a living one holds is not touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local import stack as stack_module
from local.cluster import DEV_STACK
from local.stack import LocalStack

NO_PROCESS = 2**22 + 1
"""Linux gives no process a number above 2^22."""


class Recorded:
    """Pulumi in the place of the real one, with a state that has an operation pending."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "pulumi-state"
        self.imported: list[str | None] = []
        (self.state / "stacks" / "kubeadm").mkdir(parents=True)
        (self.state / "stacks" / "kubeadm" / "dev.json").touch()

    def lock(self, stack: str, process: int) -> Path:
        """A lock file as Pulumi's file backend writes it."""
        path = self.state / "locks" / "organization" / "kubeadm" / stack / "0.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"pid": process, "username": "somebody"}))
        return path

    def pulumi(self, *arguments: str, standard_input: str | None = None, **_: str) -> str:
        """Standard output of Pulumi."""
        if "import" in arguments:
            self.imported.append(standard_input)
        return json.dumps(
            {"version": 3, "deployment": {"resources": [1], "pending_operations": [{"type": "creating"}]}}
        )


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """In the place of the real state and program."""
    recorded = Recorded(tmp_path)
    monkeypatch.setattr(stack_module, "STATE", tmp_path)
    monkeypatch.setattr(LocalStack, "pulumi", lambda _, *arguments, **options: recorded.pulumi(*arguments, **options))
    return recorded


def test_lock_and_pending_operations_of_a_killed_update_are_forgotten(recorded: Recorded) -> None:
    """The rest of the state stays."""
    lock = recorded.lock("dev", NO_PROCESS)
    DEV_STACK.forget_dead_update()
    assert not lock.exists()
    assert recorded.imported == [json.dumps({"version": 3, "deployment": {"resources": [1]}})]


def test_the_lock_of_a_living_update_stays_and_so_does_its_state(recorded: Recorded) -> None:
    """Pulumi itself refuses the second one."""
    program = shutil.copy(str(shutil.which("cat")), recorded.state / "pulumi")
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as update:
        assert update.stdin
        assert update.stdout
        os.write(update.stdin.fileno(), b"\n")
        update.stdout.readline()  # until then Linux may still give the name of the process that began it
        lock = recorded.lock("dev", update.pid)
        DEV_STACK.forget_dead_update()
        update.kill()
    assert lock.exists()
    assert recorded.imported == []


def test_a_process_that_has_the_number_of_a_dead_one_is_another(recorded: Recorded) -> None:
    """Linux counts up to 32768 on some hosts: a number comes again within minutes."""
    lock = recorded.lock("dev", os.getpid())
    DEV_STACK.forget_dead_update()
    assert not lock.exists()


def test_another_stack_is_left_alone(recorded: Recorded) -> None:
    """Its own next run looks after it."""
    lock = recorded.lock("e2e", NO_PROCESS)
    DEV_STACK.forget_dead_update()
    assert lock.exists()
    assert recorded.imported == []
