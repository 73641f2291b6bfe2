"""The graphs of docs/architecture.md: the order of a first update, which a test recorded, and the imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from operations.stack._diagram import Graph

LANES = ("program", "components", "operations", "local")
PROGRAMS = LANES[1:]
"""Folders of Python; the program itself is `__main__.py`."""


def graph_of(text: str) -> Graph:
    """A graph as text has it: a line per node, `NODE: NEEDED, NEEDED`."""
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: frozenset(each.strip() for each in needed.split(",") if each.strip()) for name, _, needed in lines}


def imports(repository: Path) -> Graph:
    """The parts of the program, and the parts whose code imports each of them: arrows lead to what is imported.

    A part is a folder; of `components`, whose modules are the table of contents, also a module; `local` is one part.
    """
    found: dict[str, set[str]] = {}
    files = [path for program in PROGRAMS for path in sorted((repository / program).rglob("*.py"))]
    for path in [repository / "__main__.py", *files]:
        importer = _part(path.relative_to(repository).with_suffix("").parts)
        found.setdefault(importer, set())
        for name in _imported(path):
            imported = _part(_module(repository, name))
            if imported != importer:
                found.setdefault(imported, set()).add(importer)
    return {name: frozenset(found[name]) for name in sorted(found, key=_order) if not name.endswith("__init__")}


def _order(name: str) -> tuple[int, str]:
    return LANES.index(name.partition("/")[0]), name


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PROGRAMS:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(repository: Path, name: str) -> tuple[str, ...]:
    """The module of an imported name, which may be that of something in the module."""
    parts = tuple(name.split("."))
    return parts if repository.joinpath(*parts).with_suffix(".py").is_file() else parts[:-1]


def _part(module: tuple[str, ...]) -> str:
    """The lane and the text of the part that a module belongs to."""
    if module[0] in {"__main__", "local"}:
        return "program/__main__" if module[0] == "__main__" else "local/local"
    return f"{module[0]}/{module[1] if len(module) > 1 else '__init__'}"
