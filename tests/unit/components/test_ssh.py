"""Bash over the program ssh: bounded where a machine does not answer, tried again where it drops the connection."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from components.steps import ssh
from components.steps.ssh import Answer, login_command, run_as_root
from tests.unit.support.listening import listening
from tests.unit.support.loops import finished
from tests.unit.support.stacks import Stack, smallest

ATTEMPTS = 3


def answer_of(port: int, *, attempts: int) -> Answer:
    """How a run on a machine at a port ends."""
    stack: dict[str, Any] = smallest() | {"ssh": {"port": port, "perDialTimeout": 1}}
    stack["hosts"]["node1"] |= {"address": "127.0.0.1", "nodeIp": "192.0.2.11"}
    settings = parse_settings(stack)
    return finished(run_as_root(settings.control_planes[0], settings.ssh, "true\n", attempts=attempts))


def test_a_dropped_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a machine that boots, or a bastion that has too many logins at once."""
    monkeypatch.setattr(ssh, "PAUSE_SECONDS", 0)
    with listening(socket.socket.close) as (port, accepted):
        answer = answer_of(port, attempts=ATTEMPTS)
        assert answer.status == ssh.CONNECTION_FAILED
        assert len(accepted) == ATTEMPTS


def test_a_machine_that_accepts_and_is_silent_is_given_up() -> None:
    """As a machine whose sshd is frozen: the kernel still accepts."""
    with listening(lambda _: None) as (port, _):
        answer = answer_of(port, attempts=1)
    assert answer.status == ssh.CONNECTION_FAILED
    assert "timed out" in answer.log


def test_a_refusal_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not accepted stays so."""
    runs: list[str] = []

    async def refused(_: list[str], text: str) -> Answer:
        runs.append(text)
        return Answer(ssh.CONNECTION_FAILED, "", "debian@192.0.2.11: Permission denied (publickey).")

    monkeypatch.setattr(ssh, "_run", refused)
    assert answer_of(22, attempts=ATTEMPTS).status == ssh.CONNECTION_FAILED
    assert len(runs) == 1


def test_the_login_that_advice_names_goes_through_the_bastion() -> None:
    """As steps do; without it the command reaches nobody."""
    stack = smallest()
    assert login(stack).startswith("ssh -p 22 ")
    key = stack["hosts"]["node1"]["hostKey"]
    stack["ssh"] = {"bastion": {"address": "192.0.2.9", "user": "jump", "port": 2222, "hostKey": key}}
    assert login(stack).startswith("ssh -J jump@192.0.2.9:2222 -p 22 ")


def test_the_login_that_advice_names_has_the_key_of_the_stack(tmp_path: Path) -> None:
    """A key that neither the agent nor ~/.ssh has; a jump by -J takes no key of the command."""
    key = tmp_path / "a key"
    key.touch(mode=0o600)
    stack = smallest()
    stack["ssh"] = {"privateKeyFile": str(key)}
    assert shlex.split(login(stack))[:5] == ["ssh", "-i", str(key), "-p", "22"]
    host_key = stack["hosts"]["node1"]["hostKey"]
    stack["ssh"]["bastion"] = {"address": "192.0.2.9", "user": "jump", "port": 2222, "hostKey": host_key}
    _, option, proxy, *rest = shlex.split(login(stack))
    assert rest[:4] == ["-i", str(key), "-p", "22"]
    hop = ["ssh", "-i", str(key), "-p", "2222", "jump@192.0.2.9", "-W", "%h:%p"]
    assert (option, shlex.split(proxy.removeprefix("ProxyCommand="))) == ("-o", hop)


def login(stack: Stack) -> str:
    """The command for the control plane."""
    settings = parse_settings(stack)
    return login_command(settings.control_planes[0], settings.ssh)
