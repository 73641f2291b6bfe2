"""Machines on which the end of a host runs: one that does not answer refuses an update before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pulumi
import pytest

from components import cluster
from components.review import silence
from components.review.silence import announce_departures, refuse_silent_machines, watch_departures
from components.settings import Host, Ssh
from components.steps.last_update import LastUpdate
from components.steps.ssh import Answer
from components.steps.step import StepName
from components.steps.wanted import Wanted
from components.steps.watch import Watch, Watched
from tests.unit.components.test_answers import frozen, greeting
from tests.unit.support.listening import listening
from tests.unit.support.planning import state_of, wanted_by
from tests.unit.support.recording import record
from tests.unit.support.several import several

BOTH = "node1 node2"


@pytest.fixture(scope="module")
def last(directory: Path) -> LastUpdate:
    """Two control planes and two workers, up."""
    return state_of(record(several(directory, BOTH), preview=False))


def record_contacts(
    monkeypatch: pytest.MonkeyPatch, silent: str = "", *, preview: bool = False
) -> list[tuple[str, Ssh]]:
    """Record the machines that are contacted, of which one is silent."""
    machines: list[tuple[str, Ssh]] = []

    async def silence_of(host: Host, ssh: Ssh, *, attempts: int) -> str:
        assert attempts == ssh.dial_error_limit
        machines.append((f"{host.name} {host.user}@{host.address}:{host.port}", ssh))
        return "Connection timed out" if host.name == silent else ""

    monkeypatch.setattr(silence, "silence_of", silence_of)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    return machines


def address(last: LastUpdate, name: str) -> str:
    """The machine of a host as it is contacted."""
    recorded = last.step(name, StepName.PREPARE)
    assert recorded
    return f"{name} {recorded.connection['user']}@{recorded.connection['host']}:22"


def test_a_host_that_leaves_asks_its_machine_and_its_sponsor(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each machine once, at the address of the last update. The others are not contacted."""
    machines = record_contacts(monkeypatch)
    refuse_silent_machines(wanted_by(several(directory, BOTH), last))
    sponsor = last.value("node9", StepName.MEMBERSHIP, "HOST_NAME")
    assert sponsor
    stack = several(directory, BOTH)
    removed = {name: stack["hosts"].pop(name) for name in ("node8", "node9")}
    refuse_silent_machines(wanted_by(stack, last))
    assert sorted(name for name, _ in machines) == sorted(address(last, name) for name in [*removed, sponsor])


def test_a_preview_asks_nobody(directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dials nothing."""
    machines = record_contacts(monkeypatch, preview=True)
    refuse_silent_machines(wanted_by(several(directory, BOTH, "node8"), last))
    assert machines == []


@pytest.mark.parametrize("preview", [False, True])
def test_the_machines_of_a_deletion_are_watched(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    """Until the program ends, with the way out for a machine that is dead."""
    expected: list[Watched] = []
    monkeypatch.setattr(Watch, "expects", lambda _, deletions: expected.extend(deletions))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    watch_departures(wanted_by(several(directory, BOTH, "node8"), last), Watch(Ssh()))
    assert [each.where for each in expected] == ([] if preview else ["node1: leave", "node9: reset"])
    assert all(each.may_be_over and "`gone: true` into" in each.way_out for each in expected)


def test_the_program_has_them_watched(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the watch of its steps."""
    seen: list[Watch] = []
    monkeypatch.setattr(cluster, "watch_departures", lambda _, watch: seen.append(watch))
    record(several(directory, BOTH), preview=False)
    assert len(seen) == 1


@pytest.mark.parametrize(("silent", "script"), [("node9", "reset"), ("node1", "leave")])
def test_a_silent_machine_refuses_the_update(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch, silent: str, script: str
) -> None:
    """With what is waited for, and the way out for a machine that is dead."""
    record_contacts(monkeypatch, silent)
    with pytest.raises(pulumi.RunError) as error:
        refuse_silent_machines(wanted_by(several(directory, BOTH, "node8"), last))
    where, _, problem = str(error.value).partition(": expected an answer of ")
    assert where == f"{silent}: {script}"
    assert 'because node9 leaves the stack,\n  saw "Connection timed out"' in problem
    assert f"write the line of node9 back, `gone: true` into that of {silent}, pulumi up, then delete" in problem


def test_the_program_asks_before_it_registers_anything(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an update that is refused has changed nothing."""

    def refuse(_: Wanted) -> None:
        raise pulumi.RunError("silent")

    monkeypatch.setattr(cluster, "refuse_silent_machines", refuse)
    monkeypatch.setattr(cluster, "CLUSTER_TYPE", None)  # without it nothing can be registered
    with pytest.raises(pulumi.RunError, match="silent"):
        record(several(directory, BOTH), preview=False)


def test_a_machine_that_is_gone_is_not_asked(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line goes after its node: nothing runs on it. One that never joined may have been declared gone, too."""
    machines = record_contacts(monkeypatch)
    never_joined = {key: step for key, step in last.steps.items() if key != ("node9", StepName.JOIN)}
    refuse_silent_machines(wanted_by(several(directory, BOTH, "node8"), replace(last, steps=never_joined)))
    assert machines == []


def test_the_question_goes_the_way_of_the_last_update(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through its bastion."""
    machines = record_contacts(monkeypatch)
    proxy = {"host": "bastion.test", "user": "jump", "port": 2222.0, "hostKey": "ssh-ed25519 AAAA"}
    steps = {
        key: replace(step, connection={**step.connection, "proxy": proxy}) if key[0] == "node9" else step
        for key, step in last.steps.items()
    }
    refuse_silent_machines(wanted_by(several(directory, BOTH, "node8"), replace(last, steps=steps)))
    assert {str(ssh.bastion.address) if ssh.bastion else "" for _, ssh in machines} == {"bastion.test"}


@pytest.mark.parametrize("serve", [frozen, greeting])
def test_a_frozen_machine_refuses_the_update(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch, serve: object
) -> None:
    """Of a real port, inside of the event loop that the program runs in."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    stack = several(directory, BOTH, "node8")
    stack["ssh"] = {**stack.get("ssh", {}), "perDialTimeout": 1, "dialErrorLimit": 1}
    with listening(serve) as (port, connections):  # type: ignore[arg-type]
        at = {"host": "127.0.0.1", "port": float(port)}
        steps = {key: replace(step, connection={**step.connection, **at}) for key, step in last.steps.items()}
        wanted = wanted_by(stack, replace(last, steps=steps))
        if serve is greeting:
            refuse_silent_machines(wanted)
        else:
            with pytest.raises(pulumi.RunError, match="node9: reset: expected an answer of 127"):
                refuse_silent_machines(wanted)
        assert connections


def announced(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch, *, preview: bool = False, status: int = 0
) -> dict[str, str]:
    """What is announced, by the address of the sponsor."""
    texts: dict[str, str] = {}

    async def run_as_root(host: Host, ssh: Ssh, text: str, *, attempts: int) -> Answer:
        texts[f"{host.name} {host.user}@{host.address}:{host.port}"] = text
        return Answer(status, "", "No space left on device\n" if status else "")

    monkeypatch.setattr(silence, "run_as_root", run_as_root)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    announce_departures(wanted)
    return texts


def test_a_sponsor_learns_which_hosts_leave(directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, also of a host whose join was cut short."""
    stack = several(directory, BOTH)
    assert announced(wanted_by(stack, last), monkeypatch) == {}, "no host leaves"
    never_joined = {key: step for key, step in last.steps.items() if key != ("node9", StepName.JOIN)}
    del stack["hosts"]["node8"], stack["hosts"]["node9"]
    wanted = wanted_by(stack, replace(last, steps=never_joined))
    assert announced(wanted, monkeypatch, preview=True) == {}
    scripts = announced(wanted, monkeypatch)
    assert list(scripts) == [address(last, "node1")]
    assert scripts[address(last, "node1")].splitlines()[-1] == "touch node8 node9"


@pytest.mark.parametrize("status", [0, 1, 255])
def test_an_announcement_that_fails_is_warned_of(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The sponsor refuses to take the node out, and by then nothing shows why the announcement is missing."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    announced(wanted_by(several(directory, BOTH, "node8"), last), monkeypatch, status=status)
    assert len(warnings) == bool(status)
    if status:
        assert warnings[0].startswith("node1: leave: expected the machine to learn that node9 left the stack,")
        assert "\n  saw No space left on device\n  Next: ssh -i " in warnings[0]


def test_no_announcement_names_a_machine_that_was_declared_gone(
    directory: Path, last: LastUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node left before its line, and nothing runs when the line goes."""
    recorded = last.steps["node9", StepName.MEMBERSHIP]
    gone = replace(recorded, stdin=recorded.stdin.replace("IS_GONE=false", "IS_GONE=true"))
    wanted = wanted_by(
        several(directory, BOTH, "node8"), replace(last, steps={**last.steps, ("node9", StepName.MEMBERSHIP): gone})
    )
    assert announced(wanted, monkeypatch) == {}


def test_the_program_tells_them(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is deleted."""
    seen: list[Wanted] = []
    monkeypatch.setattr(cluster, "announce_departures", seen.append)
    record(several(directory, BOTH), preview=False)
    assert len(seen) == 1
