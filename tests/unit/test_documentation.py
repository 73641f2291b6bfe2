"""The documentation: links lead somewhere, examples are what the program takes, a translation is of today's page."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), *(REPOSITORY / ".github").rglob("*.md")])
TRANSLATIONS = [page for page in PAGES if page.name.endswith(".zh-CN.md")]
ORIGIN = re.compile(r"<!-- translated from (\S+), SHA-256 ([0-9a-f]{64}) -->\n")
CODE_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)
TARGET = re.compile(r"^([a-z0-9-]+):", re.MULTILINE)
BARE: dict[str, dict[str, Any]] = {
    "kubeadm:cluster": {"name": "shop"},
    "kubeadm:hosts": {"node1": {"address": "192.0.2.11"}},
}
"""A stack file that lacks nothing: an example on a page is a part of one."""


def name_of(page: Path) -> str:
    """The path of a page in the repository."""
    return str(page.relative_to(REPOSITORY))


def links(text: str) -> list[str]:
    """Targets of the links in a page that stay in the repository; code has no links."""
    prose = re.sub(r"`[^`\n]*`", "``", CODE_BLOCK.sub("", text))
    return [target for target in LINK.findall(prose) if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Anchors of a page, as GitHub makes them of its headings: a second one of a name has a number."""
    seen, found = Counter[str](), set[str]()
    for heading in HEADING.findall(CODE_BLOCK.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def broken_links(page: Path, text: str) -> Iterator[str]:
    """Links to a file that does not exist, or to a heading that its page does not have."""
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if path and not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors(text if target == page else target.read_text()):
            yield f"{link}: no such heading"


def settings_in(text: str) -> Iterator[dict[str, Any]]:
    """Sections of a stack file in the examples of a page, with their `kubeadm:` names."""
    for language, block in CODE_BLOCK.findall(text):
        if language == "yaml":
            content = yaml.safe_load(block.replace("AAAA...", "AAAA"))  # a key, cut short for its reader
            content = content.get("config", content) if isinstance(content, dict) else {}
            yield {key: value for key, value in content.items() if key.startswith("kubeadm:")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Relative links; those to other sites need a network."""
    assert list(broken_links(page, page.read_text())) == []


def test_a_link_to_nowhere_is_found() -> None:
    """A file, a heading of another page, a heading of the page itself; code is passed over."""
    text = "# A `b`: c, d\n[1](none.md) [2](README.md#none) [3](#none) [4](#a-b-c-d) `[5](x.md)`\n```\n[6](y.md)\n```\n"
    found = [line.partition(":")[0] for line in broken_links(REPOSITORY / "page.md", text)]
    assert found == ["none.md", "README.md#none", "#none"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_example_of_a_stack_file_is_one(page: Path) -> None:
    """By the schema that editors use."""
    validator = Draft202012Validator(json.loads((DOCS / "stack.schema.json").read_text()))
    for sections in settings_in(page.read_text()):
        config = {key: {**BARE.get(key, {}), **value} for key, value in {**BARE, **sections}.items()}
        assert [error.message for error in validator.iter_errors({"config": config})] == [], sections


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_make_command_of_a_page_is_a_target(page: Path) -> None:
    """In code, where a reader copies it from."""
    text = page.read_text()
    code = [*re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", text)), *(block for _, block in CODE_BLOCK.findall(text))]
    called = {target for each in code for target in re.findall(r"(?:^|[\s;&|])make ([a-z][a-z0-9-]*)", each)}
    assert called - set(TARGET.findall((REPOSITORY / "Makefile").read_text())) == set()


@pytest.mark.parametrize("page", TRANSLATIONS, ids=name_of)
def test_a_translation_is_of_the_page_as_it_is_today(page: Path) -> None:
    """Its first line has the page and its checksum."""
    found = ORIGIN.match(page.read_text())
    assert found, f"{name_of(page)}: begin it with <!-- translated from PAGE.md, SHA-256 CHECKSUM -->"
    origin = page.parent / found[1]
    digest = hashlib.sha256(origin.read_bytes()).hexdigest()
    assert found[2] == digest, (
        f"{name_of(origin)} has changed since {name_of(page)} was translated.\n"
        f"  See what: git log -p -- {name_of(origin)}\n"
        f"  Carry it over to {name_of(page)}, then write {digest} into its first line."
    )


def test_the_pages_that_are_translated_are_these() -> None:
    """A translation that is deleted or renamed is missed."""
    names = {name_of(page) for page in TRANSLATIONS}
    pages = ("README", "docs/tutorials/own-machines", "docs/tutorials/private-mirrors", "docs/troubleshooting")
    assert names == {f"{page}.zh-CN.md" for page in pages}


def test_each_page_that_the_code_names_is_there() -> None:
    """In messages and comments, as docs/PAGE.md, where it is a section with its title in quotes."""
    files = [path for folder in ("components", "operations", "scripts") for path in (REPOSITORY / folder).rglob("*.*")]
    text = "\n".join(path.read_text() for path in files if path.suffix in {".py", ".sh"})
    named = set(re.findall(r"(?<![\w/])docs/([a-zA-Z./-]+\.md)(?!\w)", text))
    assert len([page for page in named if page.startswith("how-to/")]) > 3
    assert [page for page in named if not (DOCS / page).is_file()] == []
    sections = set(re.findall(r'docs/([a-z/-]+\.md), "([^"\n]+)"', text))
    assert [each for each in sections if each[1] not in HEADING.findall((DOCS / each[0]).read_text())] == []


def test_the_map_of_the_documentation_has_each_page() -> None:
    """A page without a line in docs/index.md is found by nobody."""
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links((DOCS / "index.md").read_text())}
    assert [name_of(page) for page in DOCS.rglob("*.md") if page not in {*listed, DOCS / "index.md"}] == []


def test_the_page_of_outputs_has_each_output_of_a_stack() -> None:
    """As components/cluster.py names them."""
    source = (REPOSITORY / "components" / "cluster.py").read_text().partition("\ndef _outputs(")[2]
    returned = re.search(r"outputs: dict\[str, Any\] = \{(.*)\}", source)
    assert returned
    outputs = {*re.findall(r'"(\w+)":', returned[1]), *re.findall(r'outputs\["(\w+)"\] =', source)}
    page = (DOCS / "outputs.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == outputs
