"""Standard input of a command: written for a step, and read back from the state.

The text is bash that another program wrote: exported variables, `run.sh`, staged files, and last `run_step`. A recorded
command keeps this text for as long as its host is in the stack, so its form is a contract: docs/architecture.md.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.host_files import File

LIBRARY = "/usr/local/lib/pulumi-kubeadm"
"""Directory of the scripts on a host."""


@dataclass(frozen=True)
class Inputs:
    """What the standard input of a command gives to its step.

    Attributes:
        values: variables by name.
        files: content by path.
    """

    values: Mapping[str, str]
    files: Mapping[str, str]


def prologue(script: str, variables: Mapping[str, str]) -> str:
    """Exported variables, and the entry point of the scripts, after which files may be staged."""
    assignments = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    # "$@" hands on the argument of CREATE, VERIFY or DELETE: the arguments of a sourced file are its own.
    return f'{assignments}. {LIBRARY}/run.sh {shlex.quote(script)} "$@"\n'


def staged(files: Sequence[File]) -> str:
    """Calls that lay files ready for a step. Lines stay lines, for the reader of a diff."""
    return "".join(f"stage {file.mode} {shlex.quote(file.path)} {shlex.quote(file.content)}\n" for file in files)


def inputs_of(text: str) -> Inputs:
    """The variables and files in the standard input of a command."""
    values, files = {}, {}
    words = iter(shlex.split(text[text.find("export ") :]))
    for word in words:
        if word == "export":
            name, _, value = next(words).partition("=")
            values[name] = value
        elif word == "stage":
            _, path, content = next(words), next(words), next(words)
            files[path] = content
    return Inputs(values, files)


def rerun_as(text: str, script: str, more_files: Sequence[File] = (), *, library: str = LIBRARY) -> str:
    """Standard input that gives the variables and files of a recorded command to another script.

    Args:
        text: standard input of the recorded command.
        script: name of a file in `scripts/steps`.
        more_files: staged beside the recorded ones.
        library: directory of the scripts on the host.
    """
    end = text.rfind("run_step ")
    recorded = text[text.find("export ") : end].replace(f". {LIBRARY}/run.sh", f". {library}/run.sh")
    return f"{recorded}{staged(more_files)}run_step {script}\n"
