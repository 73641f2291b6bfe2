"""Standard input of a command: rendered for a step, and parsed from the state.

The text is generated bash: exported variables, `run.sh`, staged files, and last `run_step`. A recorded command keeps
the text for as long as its host is in the stack, so the form of the text is a contract: docs/architecture.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.host_files import File

LIBRARY = "/usr/local/lib/pulumi-kubeadm"
"""Directory of the scripts on a host."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a step, parsed from the standard input of its command.

    Attributes:
        values: values of variables by name.
        files: content of staged files by path.
    """

    values: Mapping[str, str]
    files: Mapping[str, str] = field(repr=False)


def prologue(script: str, variables: Mapping[str, str], *, library: str | None = None) -> str:
    """The head of a standard input: exported variables, and the entry point of the scripts."""
    assignments = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    # "$@" passes the argument of CREATE, VERIFY or DELETE to the sourced file, which has arguments of its own.
    return f'{assignments}. {library or LIBRARY}/run.sh {shlex.quote(script)} "$@"\n'


def staged(files: Sequence[File]) -> str:
    """Calls of `stage` for files of a step. Lines stay lines, for the reader of a diff."""
    return "".join(f"stage {file.mode} {shlex.quote(file.path)} {shlex.quote(file.content)}\n" for file in files)


def inputs_of(text: str) -> Inputs:
    """The variables and files in the standard input of a command."""
    values, files = _parsed(text)
    return Inputs(values, {file.path: file.content for file in files})


def rerun_as(
    text: str,
    script: str,
    more_files: Sequence[File] = (),
    *,
    library: str = LIBRARY,
    values: Mapping[str, str] | None = None,
) -> str:
    """Standard input that gives the variables and files of a recorded command to another script.

    The script runs under its own name: the log of the recorded step stays on the host.

    Args:
        text: standard input of the recorded command.
        script: name of a file in `scripts/steps`.
        more_files: staged after the recorded files; a file with the path of a recorded file replaces it.
        library: directory of the scripts on the host.
        values: variables that override recorded variables, or stand beside them.
    """
    recorded, files = _parsed(text)
    head = prologue(script, {**recorded, **(values or {})}, library=library)
    return f"{head}{staged([*files, *more_files])}run_step {script}\n"


def _parsed(text: str) -> tuple[dict[str, str], list[File]]:
    values, files = {}, []
    words = iter(shlex.split(text[text.find("export ") :]))
    for word in words:
        if word == "export":
            name, _, value = next(words).partition("=")
            values[name] = value
        elif word == "stage":
            mode, path, content = next(words), next(words), next(words)
            files.append(File(path, content, mode))
    return values, files
