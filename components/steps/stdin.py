"""Standard input of a command: rendered for a step, and parsed from the state.

The text is generated bash: exported variables, `run.sh`, shared and staged files, and last `run_step`. A recorded
command keeps the text for as long as its host is in the stack, so the form of the text is a contract:
docs/architecture.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.host_files import File

LIBRARY = "/usr/local/lib/pulumi-kubeadm"
"""Directory of the scripts on a host."""
_WORD = re.compile(r"""((?:[^ \t\r\n'"\\]+|'[^']*'|"[^"\\]*")+)|['"\\]""")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)["]""")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a step, parsed from the standard input of its command.

    Attributes:
        values: values of variables by name.
        files: content of staged files by path.
        shared: digest of shared files by path.
    """

    values: Mapping[str, str]
    files: Mapping[str, str] = field(repr=False)
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each file by path."""
        return {**self.shared, **{path: File(path, content).digest for path, content in self.files.items()}}


def prologue(script: str, variables: Mapping[str, str], *, library: str | None = None) -> str:
    """The head of a standard input: exported variables, and the entry point of the scripts."""
    assignments = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    # "$@" passes the argument of CREATE, VERIFY or DELETE to the sourced file, which has arguments of its own.
    return f'{assignments}. {library or LIBRARY}/run.sh {shlex.quote(script)} "$@"\n'


def staged(files: Sequence[File]) -> str:
    """Calls of `stage` for files of a step. Lines stay lines, for the reader of a diff."""
    return "".join(f"stage {file.mode} {shlex.quote(file.path)} {shlex.quote(file.content)}\n" for file in files)


def shared(files: Sequence[File]) -> str:
    """Calls of `share` for files of a step whose content reaches the host another way."""
    return _shared({file.path: (file.mode, file.digest) for file in files})


def inputs_of(text: str) -> Inputs:
    """The variables and files in the standard input of a command."""
    values, files, shared_files = _parsed(text)
    digests = {path: digest for path, (_, digest) in shared_files.items()}
    return Inputs(values, {file.path: file.content for file in files}, digests)


def with_contents(text: str, contents: Mapping[str, str]) -> str:
    """Standard input with the same variables and files, for `inputs_of` and `rerun_as`: shared files are staged.

    Args:
        text: standard input of a recorded command.
        contents: content of shared files by digest. A shared file without its content stays as it is.
    """
    values, files, shared_files = _parsed(text)
    known = [File(path, contents[digest], mode) for path, (mode, digest) in shared_files.items() if digest in contents]
    unknown = {path: each for path, each in shared_files.items() if each[1] not in contents}
    return f"{prologue('recorded', values)}{_shared(unknown)}{staged([*known, *files])}"


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
    recorded, files, shared_files = _parsed(text)
    head = prologue(script, {**recorded, **(values or {})}, library=library)
    return f"{head}{_shared(shared_files)}{staged([*files, *more_files])}run_step {script}\n"


def _shared(files: Mapping[str, tuple[str, str]]) -> str:
    return "".join(f"share {mode} {shlex.quote(path)} {digest}\n" for path, (mode, digest) in files.items())


def _parsed(text: str) -> tuple[dict[str, str], list[File], dict[str, tuple[str, str]]]:
    """Variables, staged files, and mode and digest of shared files by path."""
    values, files, shared_files = {}, [], {}
    words = iter(_words(text[text.find("export ") :]))
    for word in words:
        if word == "export":
            name, _, value = next(words).partition("=")
            values[name] = value
        elif word == "stage":
            mode, path, content = next(words), next(words), next(words)
            files.append(File(path, content, mode))
        elif word == "share":
            mode, path, digest = next(words), next(words), next(words)
            shared_files[path] = mode, digest
    return values, files, shared_files


def _words(text: str) -> list[str]:
    """The words of `shlex.split`, which looks at each character and was a tenth of a run of a hundred hosts."""
    found = [match[1] for match in _WORD.finditer(text)]
    if None in found:  # a backslash, or a quote without its end
        return shlex.split(text)
    return [_QUOTED.sub(lambda quoted: quoted[1] or quoted[2] or "", word) for word in found]
