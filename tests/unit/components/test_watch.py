"""A machine that freezes while a step runs on it: the update ends, with host, step and next command."""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import pulumi
import pytest

from components.settings import Host, Ssh
from components.steps import explain, ssh, watch
from components.steps.last_update import LastUpdate
from components.steps.ssh import Answer
from components.steps.step import Step, StepName
from components.steps.watch import SILENT_LOOKS, Watch, Watched
from tests.unit.support.loops import finished
from tests.unit.support.planning import wanted_by
from tests.unit.support.recording import record, stack_of

PROVIDER = 4711
ANSWER = ""
FIRST, SECOND = (
    Step(StepName.JOIN, name, Host(name=name, address=f"192.0.2.{number}", host_key="ssh-ed25519 AAAA"))
    for number, name in enumerate(("node1", "node2"), start=11)
)


class Looks:
    """Machines that are looked at, their replies, and the consequences.

    Attributes:
        said: what each machine says at its looks, the last word for all that follow.
        busy: a machine on which a step runs.
        logins: number of logins that look for one.
        ended: processes that were ended.
        errors: errors in the log.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, busy: str = "", **replies: list[str]) -> None:
        self.replies, self.count, self.busy, self.logins = replies, 0, busy, 0
        self.ended: list[tuple[int, int]] = []
        self.errors: list[str] = []
        monkeypatch.setattr(Watch, "_of_program", WeakSet())  # programs of other tests ran in this process
        monkeypatch.setattr(watch, "LOOK_SECONDS", 0)
        monkeypatch.setattr(watch, "silence_of", self.silence_of)
        monkeypatch.setattr(watch, "run_as_root", self.run_as_root)
        monkeypatch.setattr(watch, "_providers", lambda: iter([PROVIDER]))
        monkeypatch.setattr(os, "kill", lambda *arguments: self.ended.append(arguments))
        monkeypatch.setattr(pulumi.log, "error", self.errors.append)

    async def silence_of(self, host: Host, settings: Ssh) -> str:
        """The next word of a machine."""
        assert settings.per_dial_timeout == watch.PATIENCE_SECONDS
        self.count += 1
        words = self.replies[host.name]
        return words.pop(0) if len(words) > 1 else words[0]

    async def run_as_root(self, host: Host, _: Ssh, script: str) -> Answer:
        """Whether a step runs."""
        assert script == watch.LOOK_FOR_STEP
        self.logins += 1
        return Answer(int(host.name == self.busy), "", "")


def deletion(step: Step) -> Watched:
    """A deletion on the machine of a step."""
    return Watched(f"{step.host.name}: reset", step.host, Ssh(), may_be_over=True, way_out="gone: true")


def watched(
    *steps: Step, looks: int = 3 * SILENT_LOOKS, ends: Step | None = None, deletions: Sequence[Step] = ()
) -> None:
    """Watch steps for a while, of which one ends at its beginning, and deletions."""

    async def while_they_run() -> None:
        watching = Watch(Ssh())
        watching.expects(map(deletion, deletions))
        for step in steps:
            watching.begins(step)
        if ends:
            watching.ends(ends)
        for _ in range(looks * 5):
            await asyncio.sleep(0)
        for step in steps:
            watching.ends(step)
        watching.expects(())
        for step in steps or deletions:
            watching.ends(step)
        await asyncio.sleep(0)

    finished(while_they_run())


def test_a_machine_that_stays_silent_ends_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider ends, once, and the log names the machine that it waited for."""
    looks = Looks(monkeypatch, node1=[ssh.SILENT])
    watched(FIRST)
    assert looks.count == SILENT_LOOKS
    assert looks.ended == [(PROVIDER, signal.SIGTERM)]
    (error,) = looks.errors
    assert error == (
        "node1: join: expected its SSH server to answer while the step runs,\n"
        "  saw 10 looks without an answer, one every 0 s\n"
        "  Next: ssh -p 22 root@192.0.2.11; once the machine answers: pulumi up, which waits for a step that still runs"
    )


def test_where_no_provider_is_found_the_log_says_how_to_end_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without /proc."""
    looks = Looks(monkeypatch, node1=[ssh.SILENT])
    monkeypatch.setattr(watch, "_providers", lambda: iter(()))
    watched(FIRST)
    assert looks.ended == []
    assert "\n  Next: press Ctrl-C twice; ssh -p 22" in looks.errors[0]


@pytest.mark.parametrize(
    "words",
    [
        [ANSWER],
        [*[ssh.SILENT] * (SILENT_LOOKS - 1), ANSWER, *[ssh.SILENT] * (SILENT_LOOKS - 1), ANSWER],
        ["Connection refused"],
        [ssh.CLOSED],
    ],
)
def test_a_machine_that_answers_or_refuses_is_waited_for(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """One that refuses may have barred this address, and run the step."""
    looks = Looks(monkeypatch, node1=words)
    watched(FIRST)
    assert looks.count > SILENT_LOOKS
    assert (looks.ended, looks.errors) == ([], [])


def test_other_steps_run_to_their_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider runs them, too."""
    looks = Looks(monkeypatch, node1=[ssh.SILENT], node2=[ANSWER])
    watched(FIRST, SECOND)
    assert looks.ended == []
    watched(FIRST, SECOND, ends=SECOND)
    assert looks.ended == [(PROVIDER, signal.SIGTERM)]
    assert len(looks.errors) == 1


def test_steps_of_another_cluster_of_the_program_run_to_their_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """One provider runs those of both."""
    looks = Looks(monkeypatch, node1=[ssh.SILENT], node2=[ANSWER])

    async def of_two_clusters() -> list[int]:
        one, other = Watch(Ssh()), Watch(Ssh())
        one.begins(FIRST)
        other.begins(SECOND)
        ended = []
        for _ in range(2):
            for _ in range(3 * SILENT_LOOKS * 5):
                await asyncio.sleep(0)
            ended.append(len(looks.ended))
            other.ends(SECOND)
        one.ends(FIRST)
        return ended

    assert finished(of_two_clusters()) == [0, 1]


def test_nobody_looks_when_no_step_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look is made for a step that ended before its first look."""
    looks = Looks(monkeypatch, node1=[ssh.SILENT])
    watched(FIRST, ends=FIRST)
    assert looks.count == 0


def test_a_machine_that_freezes_in_a_deletion_ends_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """No event marks the begin or end of a deletion: a machine that answers and runs no step is not waited for."""
    looks = Looks(monkeypatch, node1=[ANSWER], node2=[ssh.SILENT])
    watched(deletions=[FIRST, SECOND])
    assert looks.ended == [(PROVIDER, signal.SIGTERM)]
    (error,) = looks.errors
    assert error.startswith("node2: reset: expected its SSH server to answer while the step runs,\n")
    assert error.endswith("  Next: gone: true")
    assert looks.count == 2 * SILENT_LOOKS


def test_a_deletion_that_runs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that answers; its own time limit ends it."""
    looks = Looks(monkeypatch, node1=[ANSWER], node2=[ssh.SILENT], busy="node1")
    watched(deletions=[FIRST, SECOND])
    assert looks.logins > SILENT_LOOKS
    assert looks.ended == []


def test_a_step_that_runs_on_a_machine_of_a_deletion_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command begins before the lock is taken, and ends after it."""
    looks = Looks(monkeypatch, node1=[ANSWER], node2=[ssh.SILENT])
    watched(FIRST, deletions=[FIRST, SECOND])
    assert (looks.ended, looks.logins) == ([], 0)


def test_nobody_logs_in_where_every_machine_of_a_deletion_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update with a host that leaves costs no login more."""
    looks = Looks(monkeypatch, node1=[ANSWER], node2=[ANSWER])
    watched(deletions=[FIRST, SECOND])
    assert looks.count > SILENT_LOOKS
    assert (looks.ended, looks.logins) == ([], 0)


def test_a_look_for_which_this_computer_lacks_means_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As too many open files, with a hundred hosts: the next look is one, too."""
    looks = Looks(monkeypatch, node1=[ANSWER], node2=[ssh.SILENT])

    async def run_as_root(*arguments: Any) -> Answer:
        if looks.logins == 0:
            looks.logins = 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await looks.run_as_root(*arguments)

    monkeypatch.setattr(watch, "run_as_root", run_as_root)
    watched(deletions=[FIRST, SECOND])
    assert looks.ended == [(PROVIDER, signal.SIGTERM)]


@pytest.mark.parametrize(("holder", "status"), [("true", 1), ("", 0)])
def test_a_step_that_runs_holds_the_lock_that_is_looked_for(tmp_path: Path, holder: str, status: int) -> None:
    """A machine without the file runs none; the look itself takes nothing from a step that begins."""
    look = watch.LOOK_FOR_STEP.replace("/run/pulumi-kubeadm/lock", str(tmp_path / "lock"))
    bash = ["bash", "-euo", "pipefail", "-c"]
    assert subprocess.run([*bash, look], check=False).returncode == 0
    held = f"exec 9>{tmp_path}/lock; {'flock 9' if holder else ':'}; bash -c {shlex.quote(look)}"
    assert subprocess.run([*bash, held], check=False).returncode == status


def test_a_step_that_fails_is_watched_no_more(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook that explains the failure ends the watch of the step."""
    ended: list[Step] = []
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ErrorHook", lambda _, callback: hooks.append(callback))
    wanted = wanted_by(stack_of(directory), LastUpdate())
    watching = Watch(Ssh())
    monkeypatch.setattr(watching, "ends", ended.append)
    explain.explain_connection_failures(wanted, watching)
    hooks[0](SimpleNamespace(name="cluster/node1/images", errors=["Process exited with status 1"]))
    assert [step.key for step in ended] == [("node1", StepName.IMAGES)]


def test_each_command_that_succeeded_is_watched_no_more(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an update; a preview watches nothing."""
    ended: list[str] = []
    monkeypatch.setattr(Watch, "ends", lambda _, step: ended.append("/".join(step.key)))
    run = record(stack_of(directory, "node2"), preview=False)
    assert sorted(ended) == sorted(run.commands)
    ended.clear()
    record(stack_of(directory, "node2"), preview=True)
    assert ended == []


def test_the_provider_of_this_update_is_found(tmp_path: Path) -> None:
    """Among the children of the engine, which may be a grandparent, and not one of another engine."""
    program = tmp_path / watch.PROVIDER
    shutil.copy("/bin/sleep", program)
    find = "from components.steps.watch import _providers; print(*_providers())"
    begin = f"{program} infinity & own=$!; until [ $(readlink /proc/$own/exe) = {program} ]; do :; done"
    script = f"{begin}; sh -c \"'{sys.executable}' -c '{find}'; :\"; echo $own; kill $own"
    with subprocess.Popen([program, "infinity"]) as other:
        engine = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        other.kill()
    found, own = engine.stdout.split("\n")[:2]
    assert found == own
