"""The site has the pages of the repository in the places that their links name."""

from __future__ import annotations

import re
from pathlib import Path

from local.paths import REPOSITORY
from local.site import PAGES, REQUIREMENTS, SITE, copy_pages


def test_each_page_is_copied_to_its_place(tmp_path: Path) -> None:
    """Pages that were deleted since the last build go; a translation begins with its title."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.md").touch()
    copy_pages(REPOSITORY, tmp_path / "pages")
    pages = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
    copied = {path.relative_to(tmp_path / "pages") for path in (tmp_path / "pages").rglob("*.md")}
    assert copied == {page.relative_to(REPOSITORY) for page in pages}
    assert (tmp_path / "pages" / "docs" / "pictures" / "preview.svg").exists()
    assert (tmp_path / "pages" / "docs" / "troubleshooting.zh-CN.md").read_text().startswith("# ")


def test_the_configuration_names_the_directories_of_the_copies() -> None:
    """Both are below .local, which git ignores."""
    configuration = (REPOSITORY / "mkdocs.yml").read_text()
    assert f"docs_dir: {PAGES.relative_to(REPOSITORY)}\n" in configuration
    assert f"site_dir: {SITE.relative_to(REPOSITORY)}\n" in configuration


def test_each_package_of_the_site_has_hashes_and_no_address() -> None:
    """A package without one would be installed as whoever answers has it."""
    packages = re.split(r"^(?=\w)", REQUIREMENTS.read_text(), flags=re.MULTILINE)[1:]
    assert any(package.startswith("mkdocs-material==") for package in packages)
    assert [package for package in packages if "--hash=sha256:" not in package or "://" in package] == []
