"""One cluster for all tests of add-ons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import cluster
from tests.add_ons.machines import AddOnCluster, bring_up, stack


@pytest.fixture(scope="session")
def live() -> Iterator[AddOnCluster]:
    """A cluster with the add-ons of every stack."""
    cluster.take_down(stack())
    try:
        yield bring_up()
    finally:
        cluster.take_down(stack())
