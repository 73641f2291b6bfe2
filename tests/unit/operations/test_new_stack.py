"""A new stack comes from answers of a person, is checked against the machines themselves, and written once."""

from __future__ import annotations

import errno
import io
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from components.settings import Settings
from components.settings.stack_file import parse_settings
from local.paths import REPOSITORY
from operations import __main__ as operations
from operations.stack import new_stack
from operations.stack.stack_schema import PREFIX
from tests.unit.operations.test_configuration_reference import HEADER, refusals
from tests.unit.support.ssh_server import Server, serving

pytestmark = pytest.mark.usefixtures("nodes_on_loopback")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two machines, as far as SSH host keys go."""
    directory = tmp_path_factory.mktemp("keys")
    with serving(directory) as first, serving(directory, "127.0.0.2", "ecdsa") as second:
        yield first, second


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where stack files are written in a test."""
    monkeypatch.setattr(new_stack, "REPOSITORY", tmp_path)
    return tmp_path


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str, name: str = "shop") -> int:
    """Exit status of the command when these lines come from its standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return operations.main(["new-stack", name])


class Terminal(io.StringIO):
    """Where a person types."""

    def isatty(self) -> bool:
        """Standard input is a terminal, where a question may be repeated."""
        return True


def host(server: Server, name: str, role: str = "", confirmed: str = "y") -> list[str]:
    """The answers for one host."""
    return [name, f"{server.address}:{server.port}", role, confirmed]


def written(path: Path) -> Settings:
    """Settings from a file."""
    config = yaml.safe_load(path.read_text())["config"]
    assert refusals(config) == ""
    return parse_settings({key.removeprefix(PREFIX): value for key, value in config.items()})


def test_the_answers_become_a_valid_commented_stack_file(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Defaults are taken for empty answers; the keys are those that the machines show."""
    first, second = servers
    assert answer(monkeypatch, "", "debian", *host(first, "node1"), *host(second, "node2"), "") == 0
    settings = written(directory / "Pulumi.shop.yaml")
    assert (settings.cluster.name, settings.ssh.user) == ("shop", "debian")
    assert [(each.name, each.role) for each in settings.hosts.values()] == [
        ("node1", "control-plane"),
        ("node2", "worker"),
    ]
    assert [each.host_key for each in settings.hosts.values()] == [first.public_key, second.public_key]
    assert [each.port for each in settings.hosts.values()] == [first.port, second.port]
    text = (directory / "Pulumi.shop.yaml").read_text()
    assert text.splitlines()[0] == HEADER
    assert f"# {first.fingerprint}\n" in text
    printed = capsys.readouterr().out
    assert f"shows {first.fingerprint} (ssh-ed25519)" in printed
    assert f"shows {second.fingerprint} (ecdsa-sha2-nistp256)" in printed
    _, _, following = printed.partition("Wrote Pulumi.shop.yaml. Next:\n")
    readme = (REPOSITORY / "README.md").read_text().splitlines()
    assert [line.strip() for line in following.splitlines() if line.strip() not in readme] == []
    assert "pulumi up --stack shop" in following


def test_a_name_that_yaml_reads_as_something_else_is_quoted(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no` is a fine name for a host, and `1e3` for a cluster."""
    assert answer(monkeypatch, "1e3", "", *host(servers[0], "no"), "") == 0
    settings = written(directory / "Pulumi.shop.yaml")
    assert settings.cluster.name == "1e3"
    assert list(settings.hosts) == ["no"]


SALT = "encryptionsalt: v1:aWwcTYUT4+k=:v1:GHfOKPumYPVw+J5s:XxI54NCpkbr7xpK8SD5aK2Me+TJ8wA=="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mine\n",
        f"{SALT}\nconfig: {{}}\n",
        f"{SALT}\nconfig:\n  kubeadm:registryPassword:\n    secure: v1:abc\n",
        f"# of the shop\n{SALT}\n",
        f"{SALT}\nenvironment:\n  - shop\n",
        "encryptionsalt:\n",
    ],
)
def test_a_stack_file_that_is_there_is_never_overwritten(
    text: str, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No question is printed."""
    (directory / "Pulumi.shop.yaml").write_text(text)
    assert answer(monkeypatch) == 1
    assert (directory / "Pulumi.shop.yaml").read_text() == text
    captured = capsys.readouterr()
    assert "never overwritten" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "text", [f"{SALT}\n", SALT, "secretsprovider: awskms://alias/shop?region=eu-west-1\nencryptedkey: AQIDAHg=\n"]
)
def test_what_stack_init_left_is_kept_and_the_stack_not_made_again(
    text: str,
    servers: tuple[Server, Server],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`pulumi stack init` may come first: without its salt nobody reads the secrets of the stack."""
    path = directory / "Pulumi.shop.yaml"
    path.write_text(text)
    assert answer(monkeypatch, "", "", *host(servers[0], "node1"), "") == 0
    assert list(written(path).hosts) == ["node1"]
    assert path.read_text().splitlines()[0] == HEADER
    assert yaml.safe_load(path.read_text()).items() >= yaml.safe_load(text).items()
    assert list(directory.iterdir()) == [path]
    _, _, following = capsys.readouterr().out.partition("Wrote Pulumi.shop.yaml. Next:\n")
    assert following == "  pulumi preview --stack shop\n  pulumi up --stack shop\n"


def test_the_salt_outlives_a_power_cut(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file with settings is on the disk before it takes the place of that with the salt alone."""
    path = directory / "Pulumi.shop.yaml"
    path.write_text(f"{SALT}\n")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        answer(monkeypatch, "", "", *host(servers[0], "node1"), "")
    assert [each.read_text() for each in directory.iterdir()] == [f"{SALT}\n"]


def test_a_file_that_comes_during_the_questions_is_not_overwritten(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A salt that comes is kept, a setting refuses."""
    path = directory / "Pulumi.shop.yaml"
    original = new_stack.answers
    for text in (f"{SALT}\n", "config:\n  kubeadm:ssh: {}\n"):
        path.unlink(missing_ok=True)
        monkeypatch.setattr(new_stack, "answers", lambda name, text=text: (original(name), path.write_text(text))[0])
        status = answer(monkeypatch, "", "", *host(servers[0], "node1"), "")
        assert (status, text in path.read_text()) == (0 if text.startswith(SALT) else 1, True)
    assert path.read_text() == "config:\n  kubeadm:ssh: {}\n"
    assert "never overwritten" in capsys.readouterr().err


def test_a_key_that_is_not_confirmed_is_not_taken(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pressing Enter is no confirmation."""
    assert answer(monkeypatch, "", "", *host(servers[0], "node1", confirmed=""), "") == 1
    assert list(directory.iterdir()) == []
    assert "its host key was not confirmed" in capsys.readouterr().err


def test_a_host_that_does_not_answer_is_named_with_what_was_seen(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with what to try next."""
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert answer(monkeypatch, "", "", "node1", f"127.0.0.1:{port}", "") == 1
    errors = capsys.readouterr().err
    assert (
        f"node1: read the SSH host key: expected an SSH server with an Ed25519 or ECDSA key at 127.0.0.1, port {port}"
        in errors
    )
    assert "saw no answer within 5 seconds, or a refused connection" in errors
    assert f"ssh -p {port} 127.0.0.1" in errors
    assert list(directory.iterdir()) == []


def test_a_host_without_a_fitting_key_is_named(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An RSA key would not do."""
    with serving(tmp_path, key_type="rsa") as server:
        assert answer(monkeypatch, "", "", *host(server, "node1")) == 1
    assert "node1: read the SSH host key" in capsys.readouterr().err
    assert not (directory / "Pulumi.shop.yaml").exists()


def test_machines_that_show_the_same_key_are_pointed_out(
    tmp_path: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clones keep the host key of the machine that they were made from."""
    with serving(tmp_path, "0.0.0.0") as server:  # noqa: S104  # one machine with two addresses, both on loopback
        first, second = (replace(server, address=f"127.0.0.{number}") for number in (3, 4))
        assert answer(monkeypatch, "", "", *host(first, "node1"), *host(second, "node2"), "") == 0
    assert "node1 showed the same key: a clone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["Not A Name"], "cluster.name"),
        (["", "no user"], "ssh.user"),
        (["", "", "Node_1", "192.0.2.1", ""], "hosts.Node_1"),
        (["", "", "node1", "192.0.2.300", ""], "hosts.node1.address"),
        (["", "", "node1", "192.0.2.1:x", ""], "hosts.node1.port"),
        (["", "", "node1", "192.0.2.1", "master"], "hosts.node1.role"),
        (["", "", ""], "at least one host needs"),
        (["", ""], "the end of the input"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_before_a_machine_is_asked(
    lines: list[str], problem: str, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the path that it would have in the file."""
    assert answer(monkeypatch, *lines) == 1
    assert problem in capsys.readouterr().err
    assert list(directory.iterdir()) == []


def test_two_hosts_with_one_address_are_refused(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the second one is given, not at the end."""
    first, _ = servers
    assert answer(monkeypatch, "", "", *host(first, "node1"), *host(first, "node2")) == 1
    assert "node1 and node2 have the same address 127.0.0.1" in capsys.readouterr().err


def test_a_person_may_correct_an_answer(
    servers: tuple[Server, Server], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal a wrong answer costs one question, not all of them."""
    first, _ = servers
    lines = ["Not A Name", "fine", "", "", "node1", "nowhere", "", *host(first, "node1"), ""]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join([*lines, ""])))
    assert operations.main(["new-stack", "shop"]) == 0
    assert written(directory / "Pulumi.shop.yaml").cluster.name == "fine"


def test_the_end_of_the_input_ends_the_questions_of_a_terminal_too(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-D, and a terminal that was closed, which has no further answer."""
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert operations.main(["new-stack", "shop"]) == 1
    assert "saw the end of the input" in capsys.readouterr().err
    assert list(directory.iterdir()) == []
