"""Files that a person cannot afford to lose: as they were, or whole and on the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from operations.stack.whole_file import write_whole


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut the name would lead to an empty file."""
    path = tmp_path / "config"
    path.write_text("before")
    seen = []

    def look(descriptor: int) -> None:
        seen.append((os.pread(descriptor, 99, 0), os.fstat(descriptor).st_mode & 0o777, path.read_text()))

    monkeypatch.setattr(os, "fsync", look)
    write_whole(path, b"after")
    assert seen == [(b"after", 0o600, "before")]
    assert path.read_text() == "after"


def test_a_disk_that_fails_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it."""
    path = tmp_path / "config"
    path.write_text("before")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(path, b"after")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]
