"""What a command does on a host, as text: written here, and read back from the state of the last update."""

from __future__ import annotations

import base64
import gzip
import io
import re
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from components.settings import Host

SCRIPTS = Path(__file__).parents[2] / "scripts"
LIBRARY = "/usr/local/lib/pulumi-kubeadm"
"""Where the scripts are on a host."""


@dataclass(frozen=True)
class File:
    """A file that a step puts in place on a host."""

    path: str
    content: str
    mode: str = "0644"


@dataclass(frozen=True)
class Step:
    """A step of `scripts/` on a host, with all that it is told but secrets.

    Attributes:
        name: of the resource; begins with the name of the host that it is for.
        script: `scripts/<script>.sh` is run.
        host: where it is run.
        values: variables of the script.
        files: what the script may put in place; a preview shows their lines.
        undo: `scripts/<undo>.sh` is run when the command is deleted; without it nothing is.
        with_scripts: bring the scripts to the host first; the first command of a host does.
    """

    name: str
    script: str
    host: Host
    values: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[File] = ()
    undo: str | None = None
    with_scripts: bool = False

    def text(self, secret_files: Sequence[File] = ()) -> str:
        """The standard input of the command."""
        head = install_scripts() if self.with_scripts else ""
        variables = {"HOST_NAME": self.host.name, **self.values}
        return (
            f"{head}{prologue(self.script, variables)}{staged([*self.files, *secret_files])}"
            f"run_step {shlex.join([self.script, *([self.undo] if self.undo else [])])}\n"
        )


@dataclass(frozen=True)
class Told:
    """What a step was told, read back from its standard input.

    Attributes:
        values: by name.
        files: content by path.
    """

    values: Mapping[str, str]
    files: Mapping[str, str]


def command_name(host: str, step: str) -> str:
    """Name of the command of a step that is for a host."""
    return f"{host}-{step}"


def prologue(script: str, values: Mapping[str, str]) -> str:
    """The variables of a step, exported to it, after which files may be staged."""
    assignments = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    # "$@" hands on what CREATE, VERIFY or DELETE says: the arguments of a sourced file are its own.
    return f'{assignments}. {LIBRARY}/run.sh {shlex.quote(script)} "$@"\n'


def staged(files: Sequence[File]) -> str:
    """Calls that lay files ready for a step; their lines stay as they are, for whoever reads the diff."""
    return "".join(f"stage {file.mode} {shlex.quote(file.path)} {shlex.quote(file.content)}\n" for file in files)


def told(text: str) -> Told:
    """What the standard input of a command tells its step."""
    values, files = {}, {}
    words = iter(shlex.split(text[text.find("export ") :]))
    for word in words:
        if word == "export":
            name, _, value = next(words).partition("=")
            values[name] = value
        elif word == "stage":
            _, path, content = next(words), next(words), next(words)
            files[path] = content
    return Told(values, files)


def told_again(text: str, script: str, more_files: Sequence[File] = ()) -> str:
    """Standard input that runs another script with what a recorded command was told, and leaves nothing on the host."""
    place = "/run/pulumi-kubeadm-scripts"
    assignments_and_files = text[text.find("export ") : text.rfind("run_step ")].replace(LIBRARY, place)
    return (
        f"trap 'rm -rf {place}' EXIT\n{install_scripts(place)}{assignments_and_files}{staged(more_files)}"
        f"run_step {script}\n"
    )


@cache
def install_scripts(directory: str = LIBRARY) -> str:
    """Commands that unpack `scripts/` on a host: the same text as long as the scripts are the same."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(SCRIPTS.rglob("*.sh")):
            entry = tarfile.TarInfo(str(path.relative_to(SCRIPTS)))
            content = path.read_bytes()
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    text = base64.b64encode(gzip.compress(packed.getvalue(), mtime=0)).decode()
    return (
        f"install --directory --mode 0755 {directory}\n"
        f"base64 --decode <<<{text} | tar --extract --gzip --no-same-owner --directory {directory}\n"
    )


def brought_scripts(text: str) -> dict[str, bytes]:
    """The scripts that the standard input of a command brings to its host, by path below `scripts/`."""
    found = re.search(r"^base64 --decode <<<(\S+) ", text, re.MULTILINE)
    if found is None:
        return {}
    packed = io.BytesIO(gzip.decompress(base64.b64decode(found[1])))
    with tarfile.open(fileobj=packed) as archive:
        files = ((entry.name, archive.extractfile(entry)) for entry in archive)
        return {name: file.read() for name, file in files if file}
