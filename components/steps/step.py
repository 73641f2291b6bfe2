"""A step on a host: its name, values, files, and the behaviour of its command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from components.host_files import File
from components.settings import Host
from components.steps.stdin import prologue, shared, staged

Value = str | int | bool | Sequence[str]
"""The value of a script's variable: text, a whole number, true or false, or a list of lines."""


class StepName(StrEnum):
    """Name of every step: `scripts/steps/<name>.sh`. Resources of a host are named `HOST/STEP`."""

    REPOSITORIES = "repositories"
    PREPARE = "prepare"
    IMAGES = "images"
    INIT = "init"
    KUBECONFIG = "kubeconfig"
    MEMBERSHIP = "membership"
    JOIN = "join"
    ENCRYPTION = "encryption"


NODE_STEPS = (StepName.INIT, StepName.JOIN)
"""The steps that make a host a node: each host has either."""


class UndoName(StrEnum):
    """Name of every script that undoes a step when its command is deleted."""

    RESET = "reset"
    LEAVE = "leave"


@dataclass(frozen=True)
class Step:
    """A step on a host, with all its inputs but secrets.

    Attributes:
        name: name of the step.
        subject: name of the host that the step is about; names the command.
        host: where the script runs; a membership runs on the control plane.
        values: variables that the script reads.
        files: files of this host that the script may put in place; a preview shows their lines.
        shared_files: files that several hosts have alike; the state has their content once, and a hook brings it to the
            host.
        again_when: variables that no script reads: when one changes, the step runs again.
        undo: script that runs when the command is deleted; without it nothing runs.
        verifies_on_update: a changed input makes the script check and mend, never start over.
        keeps_connection: another address, user or host key of the machine does not run the step again.
        returns_secret: the standard output of the script is a secret and is never shown.
    """

    name: StepName
    subject: str
    host: Host
    values: Mapping[str, Value] = field(default_factory=dict)
    files: Sequence[File] = ()
    shared_files: Sequence[File] = ()
    again_when: Mapping[str, Value] = field(default_factory=dict)
    undo: UndoName | None = None
    verifies_on_update: bool = False
    keeps_connection: bool = False
    returns_secret: bool = False

    @property
    def key(self) -> tuple[str, StepName]:
        """The name of the subject, and the name of the step."""
        return self.subject, self.name

    @property
    def variables(self) -> dict[str, str]:
        """Every variable with its value in bash."""
        given = {"HOST_NAME": self.host.name, **self.values, **self.again_when}
        return {name: as_bash(value) for name, value in given.items()}

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each file that is no secret, by path."""
        return {file.path: file.digest for file in [*self.shared_files, *self.files]}

    def text(self, secret_files: Sequence[File] = ()) -> str:
        """Standard input of the command."""
        scripts = [self.name, *([self.undo] if self.undo else [])]
        head = prologue(self.name, self.variables) + shared(self.shared_files)
        return f"{head}{staged([*self.files, *secret_files])}run_step {' '.join(scripts)}\n"


def as_bash(value: Value) -> str:
    """A value as the text of a bash variable: `true` or `false`, digits, or one item a line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    return "\n".join(value)
