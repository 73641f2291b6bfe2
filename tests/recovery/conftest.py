"""Clusters that the tests of recovery share: what they cost is their machines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import cluster
from tests.ha.machines import WORKER, HaCluster, bring_up, stack
from tests.recovery.commands import make_recipient

ONLY = "node1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the recipient of bundles, and its key."""
    directory = tmp_path_factory.mktemp("backup")
    make_recipient(directory)
    return directory


@pytest.fixture(scope="session")
def one() -> Iterator[HaCluster]:
    """A control plane and a worker, for the tests of the guard first, and then for those of a restore."""
    cluster.take_down(stack([ONLY], [WORKER]))
    try:
        yield bring_up([ONLY], [WORKER])
    finally:
        cluster.take_down(stack([ONLY], [WORKER]))
