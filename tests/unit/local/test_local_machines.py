"""Local machines on a host where nothing was installed yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import machines
from local.environment import E2E


def test_without_a_container_engine_there_is_nothing_to_delete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`make down`, and the tests, which begin with it, work on a fresh host."""
    monkeypatch.setenv("PATH", str(tmp_path))
    machines.delete(E2E)
