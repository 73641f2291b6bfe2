"""What several modules share."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from components.addons import calico, fetching
from operations.status import status
from tests.unit.support import api_server
from tests.unit.support.recorded_cluster import Look, Stack, healthy
from tests.unit.support.stacks import CALICO_MANIFEST

LONGEST_SLEEP_SECONDS = 1


@pytest.fixture(scope="session", autouse=True)
def no_podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A unit test that runs podman fails everywhere, and not only on a machine without it."""
    program = tmp_path_factory.mktemp("programs") / "podman"
    program.write_text("#!/bin/sh\necho 'a unit test runs podman' >&2\nexit 97\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module", autouse=True)
def no_clock() -> Iterator[None]:
    """A unit test in which the program waits for minutes fails at once: such a wait is a wrong answer of a fake."""
    sleep = time.sleep

    def brief(seconds: float) -> None:
        assert seconds <= LONGEST_SLEEP_SECONDS, f"a unit test waits {seconds} s"
        sleep(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", brief)
        yield


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the stack's files are."""
    found = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "CACHE", found / "cache")
        yield found


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Look]:
    """Everything is well, until a test changes it."""
    with api_server.serving(tmp_path) as server:
        server.answers = copy.deepcopy(healthy())
        found = Look(server, capsys)
        monkeypatch.setattr(status, "selected_stack", lambda _: Stack(found))
        monkeypatch.setattr(calico, "fetched_objects", lambda *_: list(yaml.safe_load_all(CALICO_MANIFEST)))
        monkeypatch.setattr(status, "facts_of", lambda host, *_: found.facts[host.name])
        yield found


@pytest.fixture
def nodes_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node may have an address of this host alone, where the servers of a test are."""
    monkeypatch.setattr("components.settings.contradictions.is_of_no_machine", lambda _: False)
