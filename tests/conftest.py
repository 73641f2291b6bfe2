"""What holds for every test."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# No files of its own beside the code, and no limit per example: the host may be busy.
settings.register_profile("project", database=None, deadline=None)
settings.load_profile("project")


class Folders(LoadScopeScheduling):
    """Tests of a folder run in order, in one process, on the machines of the folder."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.split("/")[1]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Folders | None:
    """Folders run side by side with `--dist loadscope`."""
    return Folders(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure for whoever reads the output of a run, also of one that passes."""

    def printed(line: str) -> None:
        with capsys.disabled():
            # A process of pytest-xdist has no standard output.
            print(f"\n  {line}", end="", file=sys.stderr, flush=True)

    return printed
