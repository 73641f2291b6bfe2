"""A stack of one control plane and two workers, and its last update."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.steps.last_update import LastUpdate
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
