"""A release has a tag, a version and a section of the changelog that say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from operations.__main__ import main
from operations.stack import release_notes

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 0.3.0 - 2026-12-01\n\n### Added\n- A.\n\n## 0.2.0 - 2026-11-25\n- B.\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of version 0.3.0."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    monkeypatch.setattr(release_notes, "REPOSITORY", tmp_path)
    return tmp_path


def test_the_notes_of_a_release_are_its_section(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the title, and without other versions."""
    assert main(["release-notes", "v0.3.0"]) == 0
    assert capsys.readouterr().out == "### Added\n- A.\n"


@pytest.mark.parametrize(
    ("tag", "changelog", "expected"),
    [
        ("v0.3.1", CHANGELOG, "expected the tag v0.3.0"),
        ("0.3.0", CHANGELOG, "expected the tag v0.3.0"),
        ("v0.3.0", CHANGELOG.replace(" - 2026-12-01", ""), "expected a section `## 0.3.0 - YYYY-MM-DD`"),
        ("v0.3.0", "## 0.3.0 - 2026-12-01\n\n## 0.2.0 - 2026-11-25\n- B.\n", "that says something"),
    ],
)
def test_a_release_that_is_not_whole_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str], tag: str, changelog: str, expected: str
) -> None:
    """Before anybody gets it."""
    (repository / "CHANGELOG.md").write_text(changelog)
    assert main(["release-notes", tag]) == 1
    assert expected in capsys.readouterr().err
