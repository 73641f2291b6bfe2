"""The page of what people met elsewhere: each row is shown by tests, and each of these tests is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "met-elsewhere.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.endswith("| tests |")]
TEST = re.compile(r"`([a-z_0-9/]+\.py)::(test_\w+)`")


def is_there(file: str, name: str) -> bool:
    """True for a test of the repository."""
    path = TESTS / file
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].strip("| "))
def test_each_row_is_shown_by_tests_that_are_there(row: str) -> None:
    """As `FILE::NAME` below `tests`, in the last cell."""
    _, case, outcome, tests, _ = row.split("|")
    named = TEST.findall(tests)
    assert case.strip()
    assert outcome.strip()
    assert named
    assert TEST.sub("", tests).replace(",", "").strip() == ""
    assert [f"{file}::{name}" for file, name in named if not is_there(file, name)] == []


def test_a_test_that_was_renamed_is_missed() -> None:
    """Also one of another file."""
    assert is_there("unit/test_met_elsewhere.py", "test_a_test_that_was_renamed_is_missed")
    assert not is_there("unit/test_met_elsewhere.py", "test_a_test_that_was_renamed")
    assert not is_there("unit/test_documentation.py", "test_a_test_that_was_renamed_is_missed")
    assert not is_there("unit/none.py", "test_a")
