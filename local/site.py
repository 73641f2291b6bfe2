"""The site of the documentation, `make site`: the repository's pages with navigation and search, in `.local/site`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.commands import run
from local.paths import REPOSITORY, STATE
from local.report import say, step
from local.toolchain import install_python_packages

REQUIREMENTS = REPOSITORY / "requirements-site.txt"
PROGRAMS = STATE / "site-programs"
PAGES = STATE / "site-pages"
"""Copies: MkDocs takes one directory of pages, which its configuration `mkdocs.yml` may not be in."""

SITE = STATE / "site"


def build() -> None:
    """Build the site; a link to a page or a heading that does not exist ends it.

    Raises:
        StepError: a package cannot be installed, or MkDocs warns of something.
    """
    STATE.mkdir(mode=0o700, exist_ok=True)
    install_python_packages(REQUIREMENTS, PROGRAMS)
    with step("The site is built"):
        copy_pages(REPOSITORY, PAGES)
        mkdocs: list[str | Path] = [PROGRAMS / "bin" / "mkdocs", "build", "--strict"]
        # Material ends in May 2027 and says so at each run: docs/decisions.md, "A site from the same pages".
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        run(mkdocs, step="build the site", log="site", cwd=REPOSITORY, environment=environment)
    say(f"  {SITE / 'index.html'}; with search: {PROGRAMS / 'bin' / 'mkdocs'} serve")


def copy_pages(repository: Path, target: Path) -> None:
    """Copy every page, and what pages show or link to, in the same places; older copies go."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(repository / "docs", target / "docs", ignore=shutil.ignore_patterns("*.log"))
    for path in [*repository.glob("*.md"), repository / "LICENSE"]:
        shutil.copy(path, target)
    for page in target.rglob("*.zh-CN.md"):
        # Its first line is a comment for the test of translations; MkDocs takes a title from the first line only.
        page.write_text(page.read_text().partition("\n")[2].lstrip())
