"""What holds for every test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

# No files of its own beside the code, and no limit per example: the host may be busy.
settings.register_profile("project", database=None, deadline=None)
settings.load_profile("project")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure for whoever reads the output of a run, also of one that passes."""

    def printed(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", end="", flush=True)

    return printed
