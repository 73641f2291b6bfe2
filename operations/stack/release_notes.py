"""Print what the changelog says of a version, or fail where a release of that version would not be whole."""

from __future__ import annotations

import argparse
import re
import tomllib

from local.paths import REPOSITORY
from problem import StepError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("tag", help="tag of the release, such as v0.3.0")


def run(arguments: argparse.Namespace) -> None:
    """Print the section of the changelog.

    Raises:
        StepError: the tag is not that of the project's version, or the changelog has no dated section of the version.
    """
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    if arguments.tag != f"v{version}":
        raise StepError(
            f"release {arguments.tag}",
            expected=f"the tag v{version}, as pyproject.toml has the version",
            seen=arguments.tag,
            next_command=f"set version in pyproject.toml, or delete the tag: git tag --delete {arguments.tag}",
        )
    print(_notes(version))


def _notes(version: str) -> str:
    """The section of a version, without its title."""
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    section = re.search(
        rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section and section[1].strip():
        return section[1].strip()
    raise StepError(
        f"release v{version}",
        expected=f"a section `## {version} - YYYY-MM-DD` of CHANGELOG.md that says something",
        seen=", ".join(re.findall(r"^## (.+)", changelog, re.MULTILINE)),
        next_command="rename the section Unreleased, and begin a new one above it",
    )
