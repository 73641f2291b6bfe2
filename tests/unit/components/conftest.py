"""A stack of one control plane and two workers, and its last update; a registry with a chart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.addons import fetching, helm, logins
from components.steps.last_update import LastUpdate
from tests.unit.support.charts import stand_in
from tests.unit.support.file_server import FileServer, serving_files
from tests.unit.support.hub import Hub
from tests.unit.support.planning import state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack


@pytest.fixture(scope="module")
def last(directory: Path) -> LastUpdate:
    """One control plane and two workers of 1.35.4."""
    return state_of(record(stack_of(directory, "node2", "node3", version="1.35.4"), preview=False))


@pytest.fixture
def stack(directory: Path) -> Stack:
    """The same stack file."""
    return stack_of(directory, "node2", "node3", version="1.35.4")


@pytest.fixture(scope="module")
def stand_in_of_helm() -> Iterator[None]:
    """The stand-in renders charts, in place of Helm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helm, "rendered", stand_in)
        patch.setattr(helm, "rendered_once", stand_in)
        yield


@pytest.fixture
def hub(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in_of_helm: None) -> Iterator[Hub]:
    """A registry that anybody may read, and nothing in the cache."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    logins.use_passwords(lambda _: None)
    with serving_files(directory) as server:
        yield Hub(server, directory)


@pytest.fixture
def elsewhere(directory: Path) -> Iterator[FileServer]:
    """A server at another host: a store of blobs, or a server of tokens."""
    with serving_files(directory) as server:
        yield server
