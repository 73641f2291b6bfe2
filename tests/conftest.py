"""What holds for every test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No files of its own beside the code, and no limit per example: the host may be busy.
settings.register_profile("project", database=None, deadline=None)
settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A folder is a group of `--dist loadgroup`: its tests run in order, in one process, on its machines."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(Path(__file__).parent).parts[0]))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure for whoever reads the output of a run, also of one that passes."""

    def printed(line: str) -> None:
        with capsys.disabled():
            # A process of pytest-xdist has no standard output.
            print(f"\n  {line}", end="", file=sys.stderr, flush=True)

    return printed
