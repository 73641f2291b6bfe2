"""`make snapshot` saves etcd on a control plane that can, and fetches what is encrypted."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from components.settings import Host, Ssh
from components.steps.ssh import Answer
from components.steps.stdin import prologue
from components.steps.step import StepName
from operations import __main__
from operations.etcd import snapshot
from problem import StepError
from tests.unit.support.recorded_stack import RecordedStack
from tests.unit.support.stacks import RECIPIENT, with_workers

SUDO_LOSES = 131072
"""Bytes at most of the end of a long answer, where sudo logs it: a pipe and a buffer."""
BUNDLE = b"0 sealed \x00 bundle"
PATH = "/var/lib/pulumi-kubeadm/etcd-snapshots/shop-node2-20261126T000000Z.bundle"


class Hosts:
    """Two control planes; those in `broken` cannot save etcd.

    Their sudo logs output, and loses the end of a bundle; of what is left the first `sent` characters arrive.
    """

    def __init__(self) -> None:
        self.stack = with_workers("node2")
        self.stack["hosts"]["node2"]["role"] = "control-plane"
        self.broken: set[str] = set()
        self.no_members: set[str] = set()
        self.behind: set[str] = set()
        self.bundle, self.path = BUNDLE, PATH
        self.sent: int | None = None
        self.visits: list[tuple[str, str]] = []

    def run(self, host: Host, _: Ssh, text: str) -> Answer:
        """As run_as_root."""
        last = text.splitlines()[-1]
        self.visits.append((host.name, last))
        if host.name in self.broken:
            raise StepError(f"{host.name}: snapshot", expected="room", seen="none", next_command="df")
        if host.name in self.no_members:
            return Answer(0, "", "")
        if last == "run_step snapshot":
            behind = "behind\n" if host.name in self.behind else ""
            return Answer(0, f"{self.path}\n{behind}", f"{host.name}: etcd is saved: {self.path}\n")
        end = "end of the answer"
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(self.bundle)
            sent = f"{text.replace(self.path, file.name)}\necho {end}\n".encode()
            bash = ["bash", "-euo", "pipefail", "-s"]
            printed = subprocess.run(bash, input=sent, capture_output=True, check=True).stdout
        arrived = printed[:-SUDO_LOSES].decode()
        assert end in arrived
        return Answer(0, arrived.partition(end)[0][: self.sent], "")


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """As the last update left them."""
    found = Hosts()
    prepare = prologue("prepare", {"HOST_NAME": "node"}) + "run_step prepare\n"
    members = {("node1", StepName.INIT): "", ("node2", StepName.JOIN): ""}
    recorded = {(name, StepName.PREPARE): prepare for name in ("node1", "node2")} | members

    monkeypatch.setattr(snapshot, "selected_stack", lambda _: RecordedStack(found.stack, recorded))
    monkeypatch.setattr(snapshot, "run_as_root", found.run)
    return found


def test_a_bundle_is_fetched_byte_by_byte(hosts: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is encrypted; from the next control plane where the first one cannot save etcd."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    hosts.broken = {"node1"}
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path)]) == 0
    target = tmp_path / Path(PATH).name
    assert target.read_bytes() == BUNDLE
    assert target.stat().st_mode & 0o777 == 0o600
    assert [name for name, _ in hosts.visits] == ["node1", "node2", "node2"]
    assert "node1: snapshot: expected room" in capsys.readouterr().out


@pytest.mark.parametrize("sent", [0, 20, 67, 68, 71, 72, -4, -1])
def test_no_part_of_a_bundle_is_a_bundle(
    hosts: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str], sent: int
) -> None:
    """Nothing is written."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    hosts.sent = sent
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert f"node1: fetch the bundle: expected {PATH}, whole,\n  saw the first " in printed
    assert (
        "Next: make snapshot STACK=shop; if it says so again: `!log_output` for the login in sudoers, docs/security.md"
        in printed
    )
    assert [each.name for each in tmp_path.iterdir()] == ["backup.crt"]


def test_a_bundle_in_the_clear_stays_on_the_machine(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds the keys of the cluster."""
    assert __main__.main(["snapshot", "shop"]) == 0
    assert [last for _, last in hosts.visits] == ["run_step snapshot"]
    assert "node1: the bundle stays there, in the clear" in capsys.readouterr().out


def test_no_control_plane_that_can_is_an_error(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """That of the first one."""
    hosts.broken = {"node1", "node2"}
    assert __main__.main(["snapshot", "shop"]) == 1
    assert "node1: snapshot: expected room" in capsys.readouterr().err


def test_a_directory_that_takes_nothing_is_reported(
    hosts: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing half is left."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path / "missing")]) == 1
    assert "expected a directory that takes the bundle" in capsys.readouterr().err


def test_a_machine_that_saved_nothing_is_passed_over(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """It lost its marks, and returns no path."""
    hosts.no_members = {"node1"}
    assert __main__.main(["snapshot", "shop"]) == 0
    assert "node2: the bundle stays there" in capsys.readouterr().out
    hosts.no_members = {"node1", "node2"}
    assert __main__.main(["snapshot", "shop"]) == 1
    assert "node1: snapshot: expected a control plane" in capsys.readouterr().err


def test_a_bundle_in_the_clear_is_not_written_here(
    hosts: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack file names a recipient of which the machine does not know yet."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    hosts.bundle = gzip.compress(b"keys")
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path)]) == 1
    assert "saw one in the clear" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["backup.crt"]


@pytest.mark.parametrize(
    ("path", "content"),
    [("/x/Makefile", BUNDLE), ("/x/..", BUNDLE), ("/x/.bundle", BUNDLE), (PATH, b""), (PATH, b"Not found\n")],
)
def test_what_is_no_bundle_is_not_written_here(
    hosts: Hosts, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, content: bytes
) -> None:
    """Under the name of a file of this checkout, a machine in foreign hands would come to run programs here."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    hosts.path, hosts.bundle = path, content
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path)]) == 1
    assert f"saw something else: {Path(path).name}" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["backup.crt"]


@pytest.mark.parametrize("fails", [True, False])
def test_a_bundle_is_on_the_disk_before_it_has_its_name(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    """It may be the only one when the machines are lost."""
    (tmp_path / "backup.crt").write_text(RECIPIENT)
    hosts.stack["backup"] = {"recipient": str(tmp_path / "backup.crt")}
    written = []

    def look(descriptor: int) -> None:
        written.append(os.pread(descriptor, 99, 0))
        if fails:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", look)
    assert __main__.main(["snapshot", "shop", "--directory", str(tmp_path)]) == int(fails)
    assert written == [BUNDLE]
    assert ("saw Input/output error" in capsys.readouterr().err) == fails
    assert len(list(tmp_path.glob("*.bundle"))) == 1 - int(fails)


def test_a_member_without_a_majority_is_no_backup(hosts: Hosts, capsys: pytest.CaptureFixture[str]) -> None:
    """Cut off from the others it may be days behind them: another one is saved, or the command fails."""
    hosts.behind = {"node1"}
    assert __main__.main(["snapshot", "shop"]) == 0
    assert "node2: the bundle stays there" in capsys.readouterr().out
    hosts.behind = {"node1", "node2"}
    assert __main__.main(["snapshot", "shop"]) == 1
    errors = capsys.readouterr().err
    assert f"saw a member that hears none: {PATH}, which stays there" in errors
    assert "docs/how-to/lost-majority.md" in errors
