"""Machines that are there for one test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local import cluster
from tests.faults.machines import stack


@pytest.fixture
def no_machines() -> Iterator[None]:
    """No machines before a test, and none after it, unless KEEP_MACHINES is set."""
    cluster.take_down(stack())
    try:
        yield
    finally:
        if not os.environ.get("KEEP_MACHINES"):
            cluster.take_down(stack())
