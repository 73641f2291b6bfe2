"""The site of the documentation, `make site`: the repository's pages with navigation and search, in `.local/site`."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath

from local.commands import run
from local.paths import REPOSITORY, STATE
from local.report import say, step
from local.toolchain import install_python_packages

REQUIREMENTS = REPOSITORY / "requirements-site.txt"
PROGRAMS = STATE / "site-programs"
PAGES = STATE / "site-pages"
"""Copies: MkDocs takes one directory of pages, which its configuration may not be in."""

SITE = STATE / "site"
CONFIGURATION = STATE / "site.yml"
"""Configuration of MkDocs for this build: that of `mkdocs.yml`, the directories, the navigation."""

MAP = PurePosixPath("docs/index.md")
"""The list of all pages by purpose. The navigation has its order and its headings."""

BACKGROUND = ("CHANGELOG.md", "docs/decisions.md", "docs/met-elsewhere.md", "docs/reliability.md")
"""Pages about the project, which a search lists below those about a cluster."""

PAGE_LINK = re.compile(r"\]\(([^()\s#:]+\.md)(?:#[^()\s]*)?\)")

Navigation = list[dict[str, "str | Navigation"]]
"""List of titles with their pages, and of headings with the list below them: `nav` of MkDocs."""


def build() -> None:
    """Build the site; a link to a page or a heading that does not exist ends it.

    Raises:
        StepError: a package cannot be installed, or MkDocs warns of something.
    """
    STATE.mkdir(mode=0o700, exist_ok=True)
    install_python_packages(REQUIREMENTS, PROGRAMS)
    with step("The site is built"):
        copy_pages(REPOSITORY, PAGES)
        CONFIGURATION.write_text(configuration(PAGES))
        rank_last(PAGES)
        mkdocs: list[str | Path] = [PROGRAMS / "bin" / "mkdocs", "build", "--strict", "--config-file", CONFIGURATION]
        # Material ends in May 2027 and says so at each run: docs/decisions.md, "A site from the same pages".
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        run(mkdocs, step="build the site", log="site", cwd=REPOSITORY, environment=environment)
    say(f"  {SITE / 'index.html'}; with search: {PROGRAMS / 'bin' / 'mkdocs'} serve --config-file {CONFIGURATION}")


def copy_pages(repository: Path, target: Path) -> None:
    """Copy every page, and what pages show or link to, in the same places; older copies go."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(repository / "docs", target / "docs", ignore=shutil.ignore_patterns("*.log"))
    for path in [*repository.glob("*.md"), repository / "LICENSE"]:
        shutil.copy(path, target)
    for page in target.rglob("*.zh-CN.md"):
        # Its first line is a comment for the test of translations; MkDocs takes a title from the first line only.
        page.write_text(page.read_text().partition("\n")[2].lstrip())


def rank_last(pages: Path) -> None:
    """Have a search list the pages about the project last: Material gives words of titles a weight of 1000."""
    for name in BACKGROUND:
        page = pages / name
        page.write_text(f"---\nsearch: {{boost: 0.001}}\n---\n{page.read_text()}")


def configuration(pages: Path) -> str:
    """The configuration of MkDocs for copied pages, as JSON, which is YAML."""
    settings = {
        "INHERIT": str(REPOSITORY / "mkdocs.yml"),
        "docs_dir": str(pages),
        "site_dir": str(SITE),
        "nav": navigation(pages),
    }
    return json.dumps(settings, ensure_ascii=False, indent=1)


def navigation(pages: Path) -> Navigation:
    """Order all pages as the map does, below its headings; a page stands where the first link to it is.

    A row of a table that leads to several pages is a heading too: its first cell.
    """
    preamble, *sections = re.split(r"^## ", (pages / MAP).read_text(), flags=re.MULTILINE)
    seen = {MAP}
    before: Navigation = [*_entries(pages, preamble, seen), {_title(pages / MAP): str(MAP)}]
    return before + [_section(pages, section, seen) for section in sections]


def _section(pages: Path, section: str, seen: set[PurePosixPath]) -> dict[str, str | Navigation]:
    heading, _, text = section.partition("\n")
    below: Navigation = []
    for line in text.splitlines():
        entries = _entries(pages, line, seen)
        english = [entry for entry in entries if not str(*entry.values()).endswith(".zh-CN.md")]
        if line.startswith("|") and len(english) > 1:
            name = line.split("|")[1].strip()
            below.append({name[:1].upper() + name[1:]: entries})
        else:
            below += entries
    return {heading: below}


def _entries(pages: Path, text: str, seen: set[PurePosixPath]) -> Navigation:
    """Pages that a text of the map links to first, each followed by its Chinese one."""
    entries: Navigation = []
    for link in PAGE_LINK.findall(text):
        page = PurePosixPath(os.path.normpath(MAP.parent / link))
        for path in (page, page.with_suffix(".zh-CN.md")):
            if path not in seen and (pages / path).exists():
                seen.add(path)
                entries.append({_title(pages / path): str(path)})
    return entries


def _title(page: Path) -> str:
    """Heading of a page; a Chinese one's says so, because the heading may be the same in both languages."""
    heading = page.read_text().partition("\n")[0].removeprefix("# ")
    return f"{heading} (中文)" if page.name.endswith(".zh-CN.md") else heading
