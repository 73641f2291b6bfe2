"""A member of etcd that lost its data, by the etcd of the local mirror: with the list of all members it votes on."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.recovery.programs import free_port, unpack_etcd, wait_until_healthy

SECONDS = 60
PATIENCE_SECONDS = 20
"""For which a member that lost its data is started again."""


@dataclass
class Members:
    """Three members on this host, each of which joined as kubeadm joins it."""

    directory: Path
    clients: list[int] = field(default_factory=lambda: [free_port() for _ in range(3)])
    peers: list[int] = field(default_factory=lambda: [free_port() for _ in range(3)])
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def url(self, number: int) -> str:
        """URL of a member for the others."""
        return f"http://127.0.0.1:{self.peers[number]}"

    def names(self, *numbers: int) -> str:
        """Argument `--initial-cluster`."""
        return ",".join(f"node{number}={self.url(number)}" for number in numbers)

    def data(self, number: int) -> Path:
        """Directory with the data of a member."""
        return self.directory / f"data{number}"

    def start(self, number: int, listed: str, state: str = "existing") -> None:
        """Start a member."""
        client = f"http://127.0.0.1:{self.clients[number]}"
        arguments = {
            "name": f"node{number}",
            "data-dir": str(self.data(number)),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": self.url(number),
            "initial-advertise-peer-urls": self.url(number),
            "initial-cluster": listed,
            "initial-cluster-state": state,
        }
        command = [str(self.directory / "etcd"), *(f"--{name}={value}" for name, value in arguments.items())]
        self.running[number] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stays(self, number: int, listed: str) -> bool:
        """Whether a member runs at last that is started again and again, as by the kubelet."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            self.start(number, listed)
            with suppress(subprocess.TimeoutExpired):
                self.running[number].wait(PATIENCE_SECONDS / 2)
                continue
            return True
        return False

    def etcdctl(self, number: int, *words: str) -> str:
        """Output of etcdctl on a member, or the error that the member does not answer."""
        endpoint = f"http://127.0.0.1:{self.clients[number]}"
        command = [str(self.directory / "etcdctl"), "--command-timeout=5s", "--endpoints", endpoint, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def members(self, number: int) -> list[dict[str, Any]]:
        """The members, as one knows them."""
        with suppress(ValueError):
            found: list[dict[str, Any]] = json.loads(self.etcdctl(number, "member", "list", "--write-out", "json"))[
                "members"
            ]
            return found
        return []

    def learns(self, number: int) -> bool:
        """Whether a member knows one without a vote, or does not answer."""
        known = self.members(number)
        return not known or any(each.get("isLearner") for each in known)

    def id_of(self, number: int) -> str:
        """ID of a member, for etcdctl."""
        return next(f"{each['ID']:x}" for each in self.members(0) if self.url(number) in each["peerURLs"])

    def join(self, number: int, listed: str) -> None:
        """A member comes as a learner, and gets a vote."""
        end = time.monotonic() + SECONDS
        while not any(self.url(number) in each["peerURLs"] for each in self.members(0)):
            assert time.monotonic() < end
            self.etcdctl(0, "member", "add", f"node{number}", "--learner", "--peer-urls", self.url(number))
        self.start(number, listed)
        while any(self.learns(other) for other in self.running):
            assert time.monotonic() < end
            self.etcdctl(0, "member", "promote", self.id_of(number))
            time.sleep(0.5)

    def lead(self, number: int) -> None:
        """A member leads."""
        for other in self.running:
            self.etcdctl(other, "move-leader", self.id_of(number))

    def kill(self) -> None:
        """All lose their power."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self.running.clear()


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    """Three members with a key."""
    unpack_etcd(tmp_path)
    found = Members(tmp_path)
    try:
        found.start(0, found.names(0), "new")
        wait_until_healthy(lambda: found.etcdctl(0, "endpoint", "health"))
        found.join(1, found.names(0, 1))
        found.join(2, found.names(0, 1, 2))
        yield found
    finally:
        found.kill()


@pytest.mark.parametrize("is_guarded", [False, True])
def test_a_member_without_its_data_votes_only_where_it_knows_all_others(members: Members, is_guarded: bool) -> None:
    """A write that two acknowledged is gone, with the data of the one, while the machine of the other is off."""
    members.lead(0)
    for number in range(5):  # after a power cut a member knows others by what it wrote before
        assert members.etcdctl(0, "put", "before", str(number)) == "OK\n"
    members.running[1].send_signal(signal.SIGSTOP)  # it stands still, as a machine that is behind
    assert members.etcdctl(0, "put", "acknowledged", "yes") == "OK\n"
    members.kill()
    subprocess.run(["rm", "-r", members.data(2)], check=True)
    members.start(1, members.names(0, 1))
    listed = members.names(2) if is_guarded else members.names(0, 1, 2)
    assert members.stays(2, listed) != is_guarded
    if is_guarded:
        assert "is healthy" not in members.etcdctl(1, "endpoint", "health")
        members.start(0, members.names(0))
    wait_until_healthy(lambda: members.etcdctl(1, "endpoint", "health"))
    assert members.etcdctl(1, "get", "acknowledged", "--print-value-only").strip() == ("yes" if is_guarded else "")
