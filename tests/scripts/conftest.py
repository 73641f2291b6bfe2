"""A machine for each test."""

from pathlib import Path

import pytest

from tests.scripts.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which nothing was done yet."""
    root = tmp_path / "machine"
    root.mkdir()
    return Machine(root)
