"""The way to a host: connections that are checked, and explained where they fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.host_files import File
from components.settings import Host, Settings
from components.settings.stack_file import parse_settings
from components.steps import connection, explain
from components.steps.last_update import LastUpdate, RecordedStep
from components.steps.sealing import SealingKey
from components.steps.ssh import Answer
from components.steps.stdin import inputs_of
from components.steps.step import Step, StepName
from components.steps.wanted import Wanted
from components.steps.watch import Watch
from tests.unit.support.stacks import KEY, smallest


def hashed(name: str) -> str:
    """As `ssh-keygen -H` writes it."""
    salt = b"20 bytes of sea salt"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("port", "line"),
    [
        (22, f"192.0.2.11 {KEY}22"),
        (22, f"node1,192.0.2.11 {KEY}22"),
        (2222, f"[192.0.2.11]:2222 {KEY}22"),
        (22, f"{hashed('192.0.2.11')} {KEY}22"),
        (2222, f"|1|nonsense {KEY}0\n@revoked 192.0.2.11 {KEY}0\n{hashed('[192.0.2.11]:2222')} {KEY}22"),
    ],
)
def test_a_host_key_is_found_in_the_known_hosts_file(tmp_path: Path, port: int, line: str) -> None:
    """By address, among several names, and with a port of its own."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"# comment\n192.0.2.1 {KEY}0\n192.0.2.111 {KEY}0\n\n{line}\n")
    stack = smallest()
    del stack["hosts"]["node1"]["hostKey"]
    stack["ssh"] = {"knownHostsFile": str(known_hosts), "port": port}
    settings = parse_settings(stack)
    assert connection.host_key_of(settings.control_planes[0], settings.ssh) == f"{KEY}22"


def key_of_openssh(directory: Path, *options: str) -> Path:
    """A new key pair."""
    path = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-f", path, *options], check=True)
    return path


@pytest.mark.parametrize(
    ("options", "suffix", "seen"),
    [
        (("-N", ""), "", None),
        (("-N", "", "-m", "PEM"), "", None),
        (("-N", "", "-m", "PKCS8"), "", None),
        (("-N", "secret"), "", "a key with a passphrase, for which nobody can be asked"),
        (("-N", "secret", "-m", "PEM"), "", "a key with a passphrase, for which nobody can be asked"),
        (("-N", "secret", "-m", "PKCS8"), "", "a key with a passphrase, for which nobody can be asked"),
        (("-N", ""), ".pub", "a public key; the private one has the same name without .pub"),
    ],
)
def test_a_private_key_that_the_provider_cannot_use_is_refused_before_anything_is_touched(
    tmp_path: Path, options: tuple[str, ...], suffix: str, seen: str | None
) -> None:
    """Most people have a passphrase. OpenSSH prints only that the login was denied, and the advice would be wrong."""
    key = key_of_openssh(tmp_path, *options)
    settings = parse_settings(smallest() | {"ssh": {"privateKeyFile": f"{key}{suffix}"}})
    if seen is None:
        connection.connection_of(settings.control_planes[0], settings.ssh)
        return
    with pytest.raises(pulumi.RunError, match=re.escape(f"saw {seen}\n  Next: ssh-add {key}, and remove")):
        connection.connection_of(settings.control_planes[0], settings.ssh)


RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ"


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        ([RSA, f"{KEY}22"], f"{KEY}22"),
        ([f"{KEY}22", RSA], f"{KEY}22"),
        ([RSA, RSA], RSA),
        ([f"{KEY}1", f"{KEY}2"], f"{KEY}1"),
    ],
)
def test_a_key_of_rsa_is_the_last_choice_of_a_known_hosts_file(tmp_path: Path, keys: list[str], taken: str) -> None:
    """ssh-keyscan prints it first, and no server of today signs with it as the command provider wants."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("".join(f"192.0.2.11 {key}\n" for key in keys))
    stack = smallest() | {"ssh": {"knownHostsFile": str(known_hosts)}}
    del stack["hosts"]["node1"]["hostKey"]
    settings = parse_settings(stack)
    host = settings.control_planes[0]
    assert connection.host_key_of(host, settings.ssh) == taken
    for key in keys:
        recorded = {"host": "192.0.2.11", "user": "root", "port": 22, "hostKey": key}
        assert connection.is_same_machine(recorded, host, settings.ssh), "an earlier version recorded the first one"


def wanted_on(host: Host, name: StepName, settings: Settings) -> Wanted:
    """One step of a host."""
    step = Step(name, host.name, host)
    return Wanted("c", settings, LastUpdate(), "", SealingKey("", ""), {step.key: step})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("ssh: handshake failed: ssh: unable to authenticate", "expected user admin to be let in"),
        ("dial unix /tmp/ssh-x/agent.1: connect: connection refused", "expected the SSH agent to answer"),
        (
            "ssh: handshake failed: ssh: disconnect, reason 2: Too many authentication failures",
            "expected the key of the stack among the first that the SSH agent offers",
        ),
        (
            "after 8 failed attempts: ssh: handshake failed: read tcp 192.0.2.1:5->192.0.2.2:22: connection reset",
            "expected its SSH server to talk to this address",
        ),
        ("after 8 failed attempts: ssh: handshake failed: read tcp 192.0.2.2:22: i/o timeout", "expected an answer"),
        ("ssh: handshake failed: knownhosts: host key mismatch", "expected the SSH host key that the stack pins"),
        ("wait: remote command exited without exit status or exit signal", "expected the SSH session to last"),
        (
            "ssh: handshake failed: ssh: no common algorithm for host key; we offered: [ssh-rsa], peer offered: [x]",
            "expected a host key of type Ed25519 or ECDSA",
        ),
        ("dial tcp 192.0.2.11:22: connect: connection refused", "expected an SSH server"),
        ("dial tcp 192.0.2.11:22: i/o timeout", "expected an answer"),
        ("sudo: a password is required", "expected sudo without a password for admin"),
        ("env: 'sudo': No such file or directory", "expected sudo, also for root"),
        ("sudo: sorry, you must have a tty to run sudo", "expected sudo without a terminal for admin"),
        (
            'Please login as the user "debian" rather than the user "root".',
            "expected a login of admin that runs commands",
        ),
        ("This account is currently not available.", "expected a login of admin that runs commands"),
        (
            "WARNING: Your password has expired.\nPassword change required but no TTY available.",
            "expected a password of admin that has not expired",
        ),
        ("sudo: interactive authentication is required", "expected sudo without a password for admin"),
        ("sudo: I'm sorry admin. I'm afraid I can't do that", "expected sudo for admin"),
        (
            "sudo: Sorry, user admin is not allowed to execute '/usr/bin/bash -s' as root on node1.",
            "expected sudo for admin",
        ),
    ],
)
def test_a_host_that_cannot_be_entered_is_explained(monkeypatch: pytest.MonkeyPatch, error: str, expected: str) -> None:
    """Expected, seen, and what to do next."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", messages.append)
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ErrorHook", lambda _, callback: hooks.append(callback))
    settings = parse_settings(smallest() | {"ssh": {"user": "admin"}})
    host = settings.control_planes[0]
    explain.explain_connection_failures(wanted_on(host, StepName.PREPARE, settings), Watch(settings.ssh))
    (explain_it,) = hooks
    assert (
        explain_it(SimpleNamespace(name="c/node1/prepare", errors=[error])) is False
    )  # False: it is not tried again without end
    (message,) = messages
    assert message.startswith(f"node1: prepare: {expected}")
    assert "\n  Next: " in message


@pytest.mark.parametrize("has_key_file", [False, True])
def test_a_login_that_is_refused_is_answered_with_the_place_of_the_key(tmp_path: Path, has_key_file: bool) -> None:
    """Without a key file the agent's keys are listed first: ssh by hand takes a file, and lets its user in."""
    (tmp_path / "key").touch(mode=0o600)
    stack = smallest() | {"ssh": {"privateKeyFile": str(tmp_path / "key")} if has_key_file else {}}
    settings = parse_settings(stack)
    expected, advice = explain.advice_by_sign(settings.control_planes[0], settings.ssh)["unable to authenticate"]
    assert expected.endswith("a key of ssh.privateKeyFile" if has_key_file else "a key of the SSH agent")
    assert advice.startswith(
        f"ssh -i {tmp_path}/key -p 22 " if has_key_file else "ssh-add -l lists its keys, ssh-add adds one; ssh -p 22 "
    )


def test_a_machine_behind_a_bastion_is_looked_at_from_there() -> None:
    """Nothing else may reach it."""
    stack = smallest()
    key = stack["hosts"]["node1"]["hostKey"]
    for bastion, login in (
        ({}, ""),
        ({"bastion": {"address": "b.test", "user": "jo", "hostKey": key}}, "ssh -p 22 jo@b.test "),
    ):
        settings = parse_settings(stack | {"ssh": bastion})
        advice = explain.advice_by_sign(settings.control_planes[0], settings.ssh)
        for sign, command in (("host key mismatch", "ssh-keyscan -t ed25519 -p 22 "), ("timeout", "ping ")):
            assert advice[sign][1].startswith(f"{login}{command}192.0.2.11; ")


def test_the_advice_for_sudo_is_a_command_whose_file_sudo_reads() -> None:
    """The user of a directory service may have a dot in its name."""
    settings = parse_settings(smallest() | {"ssh": {"user": "ada.l"}})
    advice = explain.advice_by_sign(settings.control_planes[0], settings.ssh)
    command = "on the machine, as root: echo 'ada.l ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ada_l"
    assert {advice[sign][1] for sign in ("a password is required", "is not in the sudoers")} == {command}


def test_what_may_hold_a_secret_is_not_in_a_traceback() -> None:
    """A debugger, a log and an assertion show the repr of objects."""
    recorded = RecordedStep("stage 0600 /x canary", {"privateKey": "canary"}, "canary")
    objects = {("", "Secret", "x"): {"data": "canary"}}
    shown = [
        LastUpdate("x", {("node1", StepName.JOIN): recorded}, objects),
        inputs_of("export A=1\nstage 0600 /x canary\n"),
        File("/x", "canary"),
        Answer(0, "canary", ""),
    ]
    assert "canary" not in repr(shown)


def test_a_step_that_ran_is_not_explained_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it quotes, such as containerd's refused connection, is not SSH's."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", messages.append)
    hooks: list[Any] = []
    monkeypatch.setattr(pulumi, "ErrorHook", lambda _, callback: hooks.append(callback))
    settings = parse_settings(smallest())
    host = settings.control_planes[0]
    explain.explain_connection_failures(wanted_on(host, StepName.INIT, settings), Watch(settings.ssh))
    error = "Process exited with status 1: node1: init: expected kubeadm to succeed,\n  saw connection refused"
    assert hooks[0](SimpleNamespace(name="c/node1/init", errors=[error])) is False
    assert messages == []
