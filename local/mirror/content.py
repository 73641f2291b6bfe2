"""Content of packages and images: files with a key of their content that is known before they exist."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.mirror.programs import CALICO_PATH, calico_module
from local.mirror.versions import Calico
from local.paths import MIRROR
from local.toolchain.go import GO_VERSION, GoProgram, module_directory

FILES = Path(__file__).parent / "files"

PROGRAMS = MIRROR / "programs"
"""Binaries on their way into packages and images; deleted when all packages and images are complete."""


@dataclass(frozen=True)
class Content:
    """A file, or a directory with all its files, inside a package or image.

    Attributes:
        target: absolute path inside.
        key: changes with the content; known without building or downloading anything.
        source: makes the file on this host if it is missing, and returns its path.
        mode: permissions of the file or of every file in the directory.
    """

    target: str
    key: str
    source: Callable[[], Path]
    mode: int = 0o755

    def files(self) -> Iterator[tuple[str, Path]]:
        """Absolute path inside, and path on this host, of every file."""
        source = self.source()
        if source.is_file():
            yield self.target, source
            return
        for path in sorted(source.rglob("*")):
            if path.is_file():
                yield f"{self.target}/{path.relative_to(source)}", path


def program(built_from: GoProgram, target: str) -> Content:
    """A Go program, compiled at its first use."""
    return Content(target, _program_key(built_from), lambda: _built(built_from))


def own_file(name: str, target: str, mode: int = 0o644) -> Content:
    """A file below `files`, by its path."""
    return Content(target, hashlib.sha256((FILES / name).read_bytes()).hexdigest(), lambda: FILES / name, mode)


def calico_file(calico: Calico, name: str, target: str) -> Content:
    """A file or directory out of a Calico's module."""
    key = f"{calico.module} {name}"
    return Content(target, key, lambda: module_directory(calico_module(calico), CALICO_PATH) / name)


def combined_key(*parts: object) -> str:
    """A key of many parts."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()


def content_key(contents: tuple[Content, ...]) -> str:
    """Key of several contents together."""
    return combined_key(*((content.target, content.key, content.mode) for content in contents))


def _program_key(built_from: GoProgram) -> str:
    sources = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in _sources(built_from.module)]
    chosen = (built_from.package, built_from.stamps, built_from.tags, built_from.go_version or GO_VERSION)
    return combined_key(built_from.name, *chosen, *built_from.edits, *sources)


def _sources(module: Path) -> list[Path]:
    return sorted(path for path in module.iterdir() if path.suffix in {".go", ".mod", ".sum"})


def _built(built_from: GoProgram) -> Path:
    directory = PROGRAMS / _program_key(built_from)[:16]
    finished = directory / built_from.name
    return finished if finished.exists() else built_from.build(directory)
