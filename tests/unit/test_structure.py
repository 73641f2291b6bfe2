"""Structure of the code: imports between folders, private names, and the first word of docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FORBIDDEN = {"components": {"local", "operations", "tests"}, "local": {"components", "operations", "tests"}}
"""`local` and `components` meet in stack files only."""
FOLDERS = ("components", "local", "operations")
CLAUSES = {"as", "how", "of", "that", "what", "when", "where", "whether", "which", "who", "whose", "why", "with"}
"""Words that begin a clause. A docstring begins with a noun or a verb instead."""
MODULES = sorted(path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every dotted name that a module imports, names from modules too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_to_others(folder: str, name: str) -> bool:
    """Whether a dotted name has a part with an underscore that lies in another folder."""
    parts = name.split(".")
    return any(
        part.startswith("_")
        and not part.startswith("__")
        and ".".join(parts[:number]) not in {folder, f"{folder}."}
        and not folder.startswith(".".join(parts[:number]) + ".")
        for number, part in enumerate(parts)
        if parts[0] in FOLDERS
    )


def folder_of(path: Path) -> str:
    """The folder of a module, as a dotted name."""
    return ".".join(path.relative_to(REPOSITORY).parts[:-1])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_name_with_an_underscore_is_private_to_its_folder(path: Path) -> None:
    """Modules and what is in them."""
    assert [name for name in imports(path) if private_to_others(folder_of(path), name)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_components_and_local_know_nothing_of_each_other(path: Path) -> None:
    """What both need is in problem.py."""
    folder = path.relative_to(REPOSITORY).parts[0]
    assert {name.partition(".")[0] for name in imports(path)} & FORBIDDEN.get(folder, set()) == set()


RIDDLES = {"asked", "heard", "nobody", "said", "says", "told"}
"""Parts of names that leave open which thing they name, as `told` for arguments. Names of tests are exempt."""
TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))


def riddles(text: str) -> Iterator[str]:
    """Names in the source of a module that have such a part, except names of tests."""
    for node in ast.walk(ast.parse(text)):
        names = (getattr(node, field, None) for field in ("id", "name", "attr", "arg"))
        for name in names:
            if isinstance(name, str) and not name.startswith("test_") and RIDDLES & set(name.lower().split("_")):
                yield name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_name_says_which_thing_it_names(path: Path) -> None:
    """A reader knows the thing without the line that made it."""
    assert list(riddles(path.read_text())) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_name_in_tests_says_which_thing_it_names(path: Path) -> None:
    """Names of modules too: a reader has to open `asked_service.py` to learn what it holds."""
    assert list(riddles(f"{path.read_text()}\n{path.stem}")) == []


def test_the_rule_of_names_finds_every_kind_of_name() -> None:
    """Variables, functions, classes, attributes and arguments; longer words and names of tests are allowed."""
    text = (
        "told = 1\ndef f_asked(is_told):\n    self.asked = masked\nclass Told:\n    def test_told(self):\n        pass"
    )
    assert sorted(riddles(text)) == ["Told", "asked", "f_asked", "is_told", "told"]


def clauses(text: str) -> Iterator[str]:
    """Docstrings in the source of a module, of private names and constants too, that begin with a clause."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first = re.match(r"\w+", node.value.value)
            if first and first[0].lower() in CLAUSES:
                yield node.value.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_docstring_begins_with_a_noun_or_a_verb(path: Path) -> None:
    """A clause such as "What the state holds" hides its noun, and a reader searches for nouns."""
    assert list(clauses(path.read_text())) == []


def test_the_rule_of_docstrings_finds_every_clause() -> None:
    """Docstrings of modules, functions and constants count; other words and other strings do not."""
    text = '"""What it holds."""\nA = "Where?"\n"""Of the module."""\ndef f():\n    """A noun."""\n    return "As is"'
    assert list(clauses(text)) == ["What it holds.", "Of the module."]


@pytest.mark.parametrize(
    ("folder", "name", "private"),
    [
        ("components.settings", "components.settings._patterns", False),
        ("components.settings", "components.settings._patterns.WORDS", False),
        ("components.steps", "components.settings._patterns", True),
        ("components", "components.settings._patterns", True),
        ("operations.status", "operations.hosts.ssh._options", True),
        ("operations.hosts", "operations.__main__", False),
    ],
)
def test_the_rule_finds_what_it_forbids(folder: str, name: str, private: bool) -> None:
    """Otherwise the tests above would prove nothing."""
    assert private_to_others(folder, name) == private
