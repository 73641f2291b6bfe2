"""Whole texts that a host gets, kept as files: a change of them shows up in the diff, for a person to judge."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from components.host_files import File

DIRECTORY = Path(__file__).parent / "golden"


def as_text(files: Sequence[File]) -> str:
    """Files one after the other, each under its mode and path."""
    return "".join(f"##### {file.mode} {file.path}\n{file.content}" for file in files)


def assert_golden(name: str, text: str, directory: Path = DIRECTORY) -> None:
    """Check that the text is that of the golden file; with UPDATE_GOLDEN=1 write the file."""
    path = directory / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text)
    assert text == path.read_text(), f"if meant: UPDATE_GOLDEN=1 pytest tests/unit, then read the diff of {path}"
