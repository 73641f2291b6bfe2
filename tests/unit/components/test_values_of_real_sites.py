"""Names and values that sites have are taken, or refused in one line before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.objects.access_rules import role_object
from components.settings.stack_file import parse_settings
from components.steps.connection import host_key_of, is_same_machine
from tests.unit.support.stacks import KEY, Stack, only_problem, with_workers


def with_setting(section: str, **settings: Any) -> Stack:
    """A stack with settings in a section."""
    stack = with_workers("node2")
    return stack | {section: stack.get(section, {}) | settings}


@pytest.mark.parametrize("user", ["robot$lab+puller", "org+puller", "$oauthtoken", "<token>"])
def test_a_machine_account_of_a_registry_is_taken(user: str) -> None:
    """Of Harbor, Quay, NGC and ECR."""
    stack = with_setting("containerd", registries={"hub.example.com": {"username": user}})
    assert parse_settings(stack).containerd.registries["hub.example.com"].username == user


@pytest.mark.parametrize("user", ["a b", "a:b", "a\n"])
def test_a_user_that_a_header_cannot_carry_is_refused(user: str) -> None:
    """A `:` ends the user of a login."""
    stack = with_setting("containerd", registries={"hub.example.com": {"username": user}})
    assert only_problem(stack).startswith("containerd.registries.hub.example.com.username: ")


@pytest.mark.parametrize("user", ["john.doe", "John", "john@corp.example.com", "CORP\\john", "1234567", "vm01$"])
def test_a_user_of_a_directory_service_is_taken(user: str) -> None:
    """On the machines, on one machine, and on the bastion."""
    stack = with_setting("ssh", user=user, bastion={"address": "192.0.2.1", "hostKey": f"{KEY}1", "user": user})
    stack["hosts"]["node2"]["user"] = user
    settings = parse_settings(stack)
    assert settings.ssh.bastion
    assert {settings.ssh.user, settings.ssh.bastion.user, settings.hosts["node2"].user} == {user}


@pytest.mark.parametrize("user", ["-oProxyCommand=x", "a b", "a;b", "a'b", "a%h", "a\\", "a/b", ""])
def test_a_user_that_ssh_would_misread_is_refused(user: str) -> None:
    """OpenSSH takes the first for an option, and expands `%h`."""
    assert only_problem(with_setting("ssh", user=user)).startswith("ssh.user: ")


@pytest.mark.parametrize("line", ["{} root@node2", "192.0.2.12 {}", "{}\tin row 3", "[192.0.2.12]:22 {} x"])
def test_a_host_key_is_taken_as_the_programs_print_it(line: str) -> None:
    """ssh-keyscan begins with the address, and a `.pub` file ends with a comment."""
    stack = with_setting("ssh", bastion={"address": "192.0.2.1", "hostKey": line.format(f"{KEY}1")})
    stack["hosts"]["node2"]["hostKey"] = line.format(f"{KEY}12")
    settings = parse_settings(stack)
    assert settings.hosts["node2"].host_key == f"{KEY}12"
    assert settings.ssh.bastion
    assert settings.ssh.bastion.host_key == f"{KEY}1"


def test_the_comment_of_a_host_key_makes_no_other_machine(tmp_path: Path) -> None:
    """It was recorded with the line of a known_hosts file, and is gone from the line."""
    (tmp_path / "known_hosts").write_text(f"192.0.2.12 {KEY}12 root@node2\n")
    stack = with_setting("ssh", knownHostsFile=str(tmp_path / "known_hosts"))
    del stack["hosts"]["node2"]["hostKey"]
    settings = parse_settings(stack)
    for recorded_key in (f"{KEY}12", f"{KEY}12 root@node2"):
        recorded = {"host": "192.0.2.12", "user": "root", "port": 22, "hostKey": recorded_key}
        assert is_same_machine(recorded, settings.hosts["node2"], settings.ssh)
        assert not is_same_machine(recorded | {"hostKey": f"{KEY}13"}, settings.hosts["node2"], settings.ssh)
    assert host_key_of(settings.hosts["node2"], settings.ssh) == f"{KEY}12 root@node2"


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        (
            {"resources": ["secrets"], "verbs": ["get"], "resourceNames": ["x"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["x"]},
        ),
        (
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
            {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        ),
    ],
)
def test_every_kind_of_rule_of_a_role_is_taken(rule: Stack, made: Stack) -> None:
    """Single objects, and paths of the API server."""
    settings = parse_settings(with_setting("access", roles=[{"name": "a", "rules": [rule]}]))
    assert role_object(settings.access.roles[0]).inputs["rules"] == [made]


@pytest.mark.parametrize(
    ("rule", "namespace", "problem"),
    [
        ({"verbs": ["get"]}, None, "access.roles.0.rules.0: a rule has `resources`, or else `nonResourceURLs`"),
        (
            {"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["pods"]},
            None,
            "access.roles.0.rules.0: a rule has `resources`, or else `nonResourceURLs`",
        ),
        ({"verbs": ["get"], "nonResourceURLs": ["/a"]}, "shop", "access: role a has nonResourceURLs"),
        ({"verbs": ["get"], "resourcNames": ["x"], "resources": ["a"]}, None, "access.roles.0.rules.0.resourcNames: "),
    ],
)
def test_a_rule_that_the_api_would_refuse_is_one_problem(rule: Stack, namespace: str | None, problem: str) -> None:
    """And no second message that counts the rules."""
    role = {"name": "a", "rules": [rule]} | ({"namespace": namespace} if namespace else {})
    assert only_problem(with_setting("access", roles=[role])).startswith(problem)
