"""The site has the pages of the repository in the places that their links name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from local.paths import REPOSITORY
from local.site import (
    BACKGROUND,
    PAGES,
    REQUIREMENTS,
    SITE,
    Navigation,
    configuration,
    copy_pages,
    navigation,
    rank_last,
)


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


def entries(of: Navigation) -> Iterator[tuple[str, str]]:
    """Titles and pages of a navigation, in its order, without the headings."""
    for entry in of:
        for title, value in entry.items():
            if isinstance(value, str):
                yield title, value
            else:
                yield from entries(value)


def test_the_navigation_has_each_page_once_and_no_title_twice(tmp_path: Path) -> None:
    """README and its Chinese page have one heading; a page that the map forgets is a failure."""
    copy_pages(REPOSITORY, tmp_path / "pages")
    found = list(entries(navigation(tmp_path / "pages")))
    pages = [str(path.relative_to(tmp_path / "pages")) for path in (tmp_path / "pages").rglob("*.md")]
    assert sorted(page for _, page in found) == sorted(pages)
    assert len({title for title, _ in found}) == len(found)
    assert {page for title, page in found if title.endswith(" (中文)")} == {
        page for page in pages if page.endswith(".zh-CN.md")
    }


def test_the_navigation_has_the_order_and_the_headings_of_the_map(tmp_path: Path) -> None:
    """A row with several pages is a heading; a page stands at the first link to it, its Chinese one after it."""
    (tmp_path / "docs" / "how-to").mkdir(parents=True)
    for name in ("README", "README.zh-CN", "docs/z", "docs/z.zh-CN", "docs/how-to/a", "docs/how-to/b", "docs/last"):
        (tmp_path / f"{name}.md").write_text(f"# Title of {name}\n\ntext\n")
    (tmp_path / "docs" / "index.md").write_text(
        "# Map\n\nSee the [README](../README.md#part).\n\n## Begin\n\n| you have | page |\n|---|---|\n"
        "| one | [Z](z.md) ([中文](z.zh-CN.md)) |\n| two | [a](how-to/a.md), [b](how-to/b.md#part) |\n"
        "\n## Go on\n\nAgain [Z](z.md), a [site](https://example.com/x.md), [last](last.md).\n"
    )
    assert navigation(tmp_path) == [
        {"Title of README": "README.md"},
        {"Title of README.zh-CN (中文)": "README.zh-CN.md"},
        {"Map": "docs/index.md"},
        {
            "Begin": [
                {"Title of docs/z": "docs/z.md"},
                {"Title of docs/z.zh-CN (中文)": "docs/z.zh-CN.md"},
                {
                    "Two": [
                        {"Title of docs/how-to/a": "docs/how-to/a.md"},
                        {"Title of docs/how-to/b": "docs/how-to/b.md"},
                    ]
                },
            ]
        },
        {"Go on": [{"Title of docs/last": "docs/last.md"}]},
    ]


def test_the_site_is_built_of_the_copies_with_this_navigation(tmp_path: Path) -> None:
    """What mkdocs.yml says is inherited; it has no list of pages of its own."""
    copy_pages(REPOSITORY, tmp_path)
    assert json.loads(configuration(tmp_path)) == {
        "INHERIT": str(REPOSITORY / "mkdocs.yml"),
        "docs_dir": str(tmp_path),
        "site_dir": str(SITE),
        "nav": navigation(tmp_path),
    }
    assert not re.search(r"^(nav|docs_dir|site_dir):", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    assert PAGES.parent == SITE.parent == REPOSITORY / ".local"  # which git ignores


def test_a_search_lists_pages_about_the_project_last(tmp_path: Path) -> None:
    """A title in the changelog or in the decisions would stand above the page that says what to do."""
    copy_pages(REPOSITORY, tmp_path)
    rank_last(tmp_path)
    for name in BACKGROUND:
        assert (tmp_path / name).read_text().startswith("---\nsearch: {boost: 0.001}\n---\n# ")


def test_a_search_has_words_of_chinese_and_parts_of_settings() -> None:
    """jieba puts a space without width between words of Chinese; a version is one word.

    Material puts `*` behind words of a query: where a word ended before it, a query of several words found nothing.
    """
    (separator,) = re.findall(r"^ +separator: '(.+)'$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    words = re.split(separator, "拉\u200b镜像 backup.recipient: kubernetes-dashboard 1.36.3")
    assert words == ["拉", "镜像", "backup", "recipient", "kubernetes", "dashboard", "1.36.3"]
    assert re.split(separator, "私有* 镜像*") == ["私有*", "镜像*"]
    assert re.search(r"^jieba==", REQUIREMENTS.read_text(), re.MULTILINE)


def test_each_package_of_the_site_has_hashes_and_no_address() -> None:
    """A package without one would be installed as whoever answers has it."""
    packages = re.split(r"^(?=\w)", REQUIREMENTS.read_text(), flags=re.MULTILINE)[1:]
    assert any(package.startswith("mkdocs-material==") for package in packages)
    assert [package for package in packages if "--hash=sha256:" not in package or "://" in package] == []
