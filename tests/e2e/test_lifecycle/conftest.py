"""One cluster of a control plane and two workers that changes again and again; each file leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import cluster
from tests.e2e.cell import CELL
from tests.e2e.conftest import E2E, STACK, Cluster


@pytest.fixture(scope="package")
def live() -> Iterator[Cluster]:
    """The cluster, on machines that began anew."""
    cluster.take_down(STACK)
    access = cluster.prepare_machines(E2E, CELL.kubernetes)
    STACK.configure(access)
    cluster.bring_up(STACK, access)
    yield Cluster(access)
    cluster.take_down(STACK)
