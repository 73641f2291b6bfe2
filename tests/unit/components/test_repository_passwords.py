"""The password of a package repository: where it goes, and where it is not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.host_files import apt, effect_of
from components.settings.stack_file import SettingsError, parse_settings
from components.steps.step import StepName
from tests.unit.support import recording
from tests.unit.support.planning import planned, state_of, wanted_by
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack, only_problem, with_workers

LOGIN = {"url": "https://apt.example.com/{minor}", "keyring": "https://apt.example.com/key", "fingerprint": "A" * 40}
LOGIN |= {"username": "robot$lab"}
PASSWORD = recording.REPOSITORY_PASSWORD
NAME = "repositoryPassword"
PATH = "/etc/apt/auth.conf.d/90pulumi-kubeadm.conf"


def with_login(stack: Stack, **more: Any) -> Stack:
    """A stack whose packages come from a repository with a login."""
    return stack | {"packages": {"repository": LOGIN | more}}


def test_a_step_before_the_preparation_has_the_password_alone(directory: Path) -> None:
    """Each line of each file that the preparation puts stays in the preview; the state has the password encrypted."""
    for preview in (True, False):
        run = record(with_login(stack_of(directory, "node2")), preview=preview)
        assert [each.urn for each in run.resources if PASSWORD in each.shown] == []
        holders = {name for name, command in run.commands.items() if PASSWORD in command.inputs["stdin"]}
        assert holders == {"node1/repositories", "node2/repositories"}
        assert run.commands["node2/repositories"].is_secret("stdin")
        assert not run.commands["node2/prepare"].is_secret("stdin")
        before = run.commands["node2/prepare"].request.dependencies
        assert run.commands["node2/repositories"].urn in before


def test_a_stack_without_a_login_has_no_such_step(directory: Path) -> None:
    """Its hosts have the commands that they had."""
    run = record(stack_of(directory, "node2"), preview=True)
    assert not [name for name in run.commands if name.endswith("/repositories")]


def test_apt_and_curl_read_the_password_of_its_server_alone() -> None:
    """With TLS alone, on each port; root alone reads the file."""
    settings = parse_settings(with_login(with_workers(), url="https://Apt.example.com:8443/{minor}"))
    (file,) = apt.login_files(settings, {"apt.example.com": PASSWORD})
    assert (file.path, file.mode) == (PATH, "0600")
    assert file.content == f"machine Apt.example.com login robot$lab password {PASSWORD}\n"
    assert "not known" not in effect_of(PATH).text
    assert apt.login_files(parse_settings(with_workers()), {}) == []


@pytest.mark.parametrize(
    ("set_", "encrypted", "value", "problem"),
    [
        ([], [], "", "missing, the password of the package repository at apt.example.com"),
        ([NAME], [], "", "in plain text; encrypt it"),
        ([NAME], [NAME], "a b", "apt or curl reads none that"),
        ([NAME], [NAME], '"a', "apt or curl reads none that"),
        ([NAME], [NAME], "#a", "apt or curl reads none that"),
        ([NAME], [NAME], "", "apt or curl reads none that"),
    ],
)
def test_a_password_has_to_be_there_and_encrypted(
    set_: list[str], encrypted: list[str], value: str, problem: str
) -> None:
    """And apt has to read it as it is."""
    stack, values = with_login(with_workers()), {NAME: value} if encrypted else {}
    with pytest.raises(SettingsError) as error:
        parse_settings(stack, others=set_, secrets=encrypted, values=values)
    (found,) = error.value.problems
    assert found.startswith(f"{NAME}: {problem}")
    assert parse_settings(stack, others=[NAME], secrets=[NAME], values={NAME: 'a"b#c'})


def test_a_login_that_apt_could_not_keep_is_refused() -> None:
    """Over plain HTTP, two for one server, and a user whom curl takes for a comment."""
    assert only_problem(with_login(with_workers(), username="#robot")).startswith("packages.repository.username: ")
    expected = "username is for an address that begins with https://"
    assert expected in only_problem(with_login(with_workers(), url="http://apt.example.com/x"))
    stack = with_login(with_workers()) | {"containerd": {"repository": LOGIN | {"url": "https://apt.example.com/c"}}}
    assert parse_settings(stack).repository_logins.keys() == {"apt.example.com"}
    stack["containerd"]["repository"] |= {"passwordKey": "other"}
    assert "apt has one login for apt.example.com" in only_problem(stack)


def test_another_password_is_told_of_every_host_and_runs_its_step_alone(directory: Path) -> None:
    """And is not shown."""
    stack = with_login(stack_of(directory, "node2"))
    last = state_of(record(stack, preview=False))
    assert planned(stack, last) == ["nothing is done to any node"]
    assert planned(stack, last, repository_password="another") == [  # noqa: S106 (of no server)
        f"{host}: passwords of package repositories change: holds from the next package on, nothing restarts"
        for host in ("node1", "node2")
    ]
    wanted = wanted_by(stack, last)
    assert all(wanted.is_unchanged(wanted.step(name, StepName.PREPARE)) for name in ("node1", "node2"))
