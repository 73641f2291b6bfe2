"""What several modules share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components import _manifests


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the stack's files are."""
    found = tmp_path_factory.mktemp("stack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_manifests, "CACHE", found / "cache")
        yield found
