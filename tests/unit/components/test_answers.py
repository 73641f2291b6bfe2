"""Machines that do not answer: each step ends within a bound, with host, step and next command, and nobody logs in."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.settings import Host, Settings
from components.settings.stack_file import parse_settings
from components.steps import answers, ssh
from components.steps.answers import Answers, demand_answer
from components.steps.last_update import LastUpdate
from components.steps.sealing import SealingKey
from components.steps.ssh import silence_of
from components.steps.step import Step
from components.steps.wanted import Wanted, wanted_steps
from components.steps.watch import Watch
from tests.unit.support.listening import Served, closed_port, listening
from tests.unit.support.loops import finished
from tests.unit.support.stacks import smallest

ATTEMPTS = 2
BOUND_SECONDS = 60
"""More than anything takes on a busy host."""
BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"
TIMED_OUT = "Connection timed out during banner exchange"


def frozen(_: socket.socket) -> None:
    """The kernel accepts, the server sends nothing."""


def greeting(connection: socket.socket) -> None:
    """As an SSH server does that has something to say first."""
    connection.sendall(b"Authorised use only\r\n" + BANNER)


def slow(connection: socket.socket) -> None:
    """An answer that comes late, and in time."""
    time.sleep(0.3)
    connection.sendall(BANNER[:3])
    time.sleep(0.3)
    connection.sendall(BANNER[3:])


def settings_of(port: int, **more: Any) -> Settings:
    """A stack whose first host is at a port of this host."""
    stack: dict[str, Any] = smallest()
    stack["ssh"] = {"port": port, "perDialTimeout": 1, "dialErrorLimit": ATTEMPTS} | more
    stack["hosts"]["node1"] |= {"address": "127.0.0.1", "nodeIp": "192.0.2.11"}
    return parse_settings(stack)


def seen_at(port: int, *, attempts: int = 1, **more: Any) -> str:
    """What is seen at a port."""
    settings = settings_of(port, **more)
    return finished(silence_of(settings.control_planes[0], settings.ssh, attempts=attempts))


@pytest.mark.parametrize(
    ("serve", "seen"),
    [
        (greeting, ""),
        (frozen, TIMED_OUT),
        (socket.socket.close, "kex_exchange_identification: Connection closed by remote host"),
        (lambda connection: connection.sendall(b"x" * 100_000), ssh.CLOSED),
    ],
)
def test_an_ssh_server_is_distinguished_from_another_server(serve: Served, seen: str) -> None:
    """In the words of OpenSSH, which are explained."""
    with listening(serve) as (port, _):
        assert seen_at(port, perDialTimeout=1 if serve is frozen else BOUND_SECONDS) == seen


def test_a_slow_answer_is_one() -> None:
    """In several pieces, within the time limit."""
    with listening(slow) as (port, _):
        assert seen_at(port, perDialTimeout=BOUND_SECONDS) == ""


def test_a_closed_port_is_named() -> None:
    """At once."""
    assert seen_at(closed_port()) == "Connection refused"


def test_a_machine_that_boots_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of attempts is that of the stack file."""
    monkeypatch.setattr(ssh, "PAUSE_SECONDS", 0)
    attempts = 0

    def second(connection: socket.socket) -> None:
        nonlocal attempts
        attempts += 1
        (greeting if attempts == ATTEMPTS else socket.socket.close)(connection)

    with listening(second) as (port, _):
        assert seen_at(port, attempts=ATTEMPTS, perDialTimeout=BOUND_SECONDS) == ""
    assert attempts == ATTEMPTS


def bastion(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> dict[str, Any]:
    """A bastion whose program ssh is a script."""
    program = directory / "ssh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    return {"bastion": {"address": "bastion.test", "hostKey": "ssh-ed25519 AAAA"}}


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("printf 'SSH-2.0-x\\r\\n'; exec cat", ""),
        ("echo 'channel 0: open failed: connect failed: Connection refused' >&2; exit 255", "Connection refused"),
        ("exec sleep 60", TIMED_OUT),
        ("exit 255", "Connection closed by remote host"),
    ],
)
def test_a_machine_is_asked_through_its_bastion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, seen: str
) -> None:
    """Which makes the connection; the one that waits is ended."""
    more = bastion(tmp_path, monkeypatch, f'echo "$@" >{tmp_path}/arguments\n{script}')
    found = seen_at(22, **more, perDialTimeout=1 if seen == TIMED_OUT else BOUND_SECONDS)
    assert seen in found
    assert bool(seen) == bool(found)
    arguments = (tmp_path / "arguments").read_text()
    assert "-W 127.0.0.1:22 -p 22 root@bastion.test" in arguments
    assert "StrictHostKeyChecking=yes" in arguments


def demanded(settings: Settings, monkeypatch: pytest.MonkeyPatch, *names: str) -> list[Exception]:
    """Errors of the hook for steps that begin at the same time; the others are watched."""
    watched: list[Step] = []
    monkeypatch.setattr(Watch, "begins", lambda _, step: watched.append(step))
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ResourceHook", lambda _, callback: hooks.append(callback))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "shop")
    steps = wanted_steps(settings, LastUpdate(), [], "0123456789abcdef", "certificate")
    demand_answer(
        Wanted("cluster", settings, LastUpdate(), "0123456789abcdef", SealingKey("certificate", ""), steps),
        Watch(settings.ssh),
    )

    async def all_of_them() -> list[Any]:
        calls = [hooks[0](SimpleNamespace(name=f"cluster/{name}", old_inputs=None)) for name in names]
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = [each for each in finished(all_of_them()) if each]
    assert len(watched) + len(errors) == len(names)
    return errors


def test_a_step_on_a_frozen_machine_ends_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """With host, step, and what to do; the provider, which would wait for ever, does not begin."""
    monkeypatch.setattr(ssh, "PAUSE_SECONDS", 0)
    began = time.monotonic()
    with listening(frozen) as (port, connections):
        (error,) = demanded(settings_of(port), monkeypatch, "node1/images")
    assert time.monotonic() - began < BOUND_SECONDS
    assert len(connections) == ATTEMPTS
    assert str(error) == (
        'node1: images: expected an answer,\n  saw "timed out"\n'
        "  Next: ping 127.0.0.1; start the machine, or mend its address"
    )


def test_steps_that_begin_together_ask_a_machine_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSH bars whom it sees connect often without a login."""
    with listening(greeting) as (port, connections):
        settings = settings_of(port, perDialTimeout=BOUND_SECONDS)
        assert demanded(settings, monkeypatch, "node1/images", "node1/init") == []
        assert len(connections) == 1


@pytest.mark.parametrize(("fresh", "count"), [(60, 1), (0, 2)])
def test_an_answer_counts_for_a_while(monkeypatch: pytest.MonkeyPatch, fresh: int, count: int) -> None:
    """Silence does not: the machine may be there again."""
    monkeypatch.setattr(answers, "FRESH_SECONDS", fresh)

    async def twice(host: Host, settings: Settings) -> None:
        asking = Answers(settings.ssh)
        assert [await asking.silence(host), await asking.silence(host)] == ["", ""]

    with listening(greeting) as (port, connections):
        settings = settings_of(port, perDialTimeout=BOUND_SECONDS)
        finished(twice(settings.control_planes[0], settings))
        assert len(connections) == count
