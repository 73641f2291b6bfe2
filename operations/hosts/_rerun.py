"""Recorded steps that run again: scripts of this checkout, with the values and files of the last update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.host_files import File
from components.steps import scripts


def rerun(
    recorded: str,
    script: str,
    *,
    files: Sequence[File] = (),
    values: Mapping[str, str] | None = None,
    mode: str = "create",
) -> str:
    """Standard input that runs a script on a host. The scripts travel with it, and are deleted when it ends.

    Args:
        recorded: standard input of the command whose values and files the script gets.
        script: `scripts/steps/<script>.sh` is run, under this name.
        files: in place of recorded files of the same paths, or beside them.
        values: likewise.
        mode: of scripts/run.sh: `verify` never starts over.
    """
    return f"set -- {mode}\n{scripts.rerun(recorded, script, files, values=values)}"
