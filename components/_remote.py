"""The only module that makes remote commands.

Every command has the same constant `create`; what differs travels in its standard input, as bash that another program
wrote: assignments and staged files, each value quoted, and last the name of a step in `scripts/`. The reasons are in
docs/decisions.md, "Remote commands".
"""

from __future__ import annotations

import base64
import gzip
import io
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pulumi
from pulumi_command import remote

from components._connection import connection_of, explain_connection_failure
from components.settings import Host, Settings

SCRIPTS = Path(__file__).parent.parent / "scripts"
CREATE = "sudo -n bash -euo pipefail -s"
VERIFY = "sudo -n bash -euo pipefail -s -- verify"
"""Tells a step that it already succeeded once: it may look and mend, but never start over."""

LIBRARY = "/usr/local/lib/pulumi-kubeadm"
"""Where the scripts are on a host."""


@dataclass(frozen=True)
class File:
    """A file that a step puts in place on a host."""

    path: str
    content: str
    mode: str = "0644"


def run_step(
    name: str,
    step: str,
    host: Host,
    settings: Settings,
    *,
    values: Mapping[str, str] | None = None,
    files: Sequence[File] = (),
    secret_files: pulumi.Input[Sequence[File]] = (),
    with_scripts: bool = False,
    returns_secret: bool = False,
    verify_on_update: bool = False,
    opts: pulumi.ResourceOptions,
) -> remote.Command:
    """A command that runs `scripts/<step>.sh` on a host as root.

    Args:
        name: name of the resource; begins with the host's.
        values: variables of the script.
        files: files that the script may put in place; a preview shows their lines.
        secret_files: the same, but a preview shows only that something changed.
        with_scripts: bring the scripts to the host first; the first command of a host does.
        returns_secret: what the script prints is a secret and is never shown.
        verify_on_update: a changed input makes the script look and mend, not start over.
        opts: at least the parent.
    """
    variables = {"HOST_NAME": host.name, **(values or {})}
    head = install_scripts() if with_scripts else ""
    tail = f"run_step {shlex.quote(step)}\n"

    def text(secrets: Sequence[File]) -> str:
        return f"{head}{prologue(step, variables)}{staged([*files, *secrets])}{tail}"

    stdin = pulumi.Output.from_input(secret_files).apply(text) if secret_files else text(())
    return remote.Command(
        name,
        connection=connection_of(host, settings.ssh),
        create=CREATE,
        update=VERIFY if verify_on_update else None,
        stdin=stdin,
        logging=remote.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(
                delete_before_replace=True,
                additional_secret_outputs=["stdout"] if returns_secret else [],
                hooks=explain_connection_failure(name, step, host, settings.ssh),
            ),
            opts,
        ),
    )


def prologue(step: str, values: Mapping[str, str]) -> str:
    """The variables of a step, exported to it, after which files may be staged."""
    assignments = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    # "$@" hands on what CREATE or VERIFY says: the arguments of a sourced file are its own.
    return f'{assignments}. {LIBRARY}/run.sh {shlex.quote(step)} "$@"\n'


def staged(files: Sequence[File]) -> str:
    """Calls that lay files ready for a step; their lines stay as they are, for whoever reads the diff."""
    return "".join(f"stage {file.mode} {shlex.quote(file.path)} {shlex.quote(file.content)}\n" for file in files)


@cache
def install_scripts() -> str:
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
        f"install --directory --mode 0755 {LIBRARY}\n"
        f"base64 --decode <<<{text} | tar --extract --gzip --no-same-owner --directory {LIBRARY}\n"
    )
