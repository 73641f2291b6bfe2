"""What the last update left in the state of the stack: the program's only memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pulumi

from components.steps.step import Told, told


@dataclass(frozen=True)
class RecordedCommand:
    """A remote command as it last succeeded.

    Attributes:
        stdin: may hold secrets: what is shown of it comes from `told`, without secret files.
        connection: the fields of a connection, as the provider names them.
        stdout: what it printed; may be a secret too.
    """

    stdin: str
    connection: Mapping[str, Any]
    stdout: str

    @cached_property
    def told(self) -> Told:
        """What the step was told."""
        return told(self.stdin)


@dataclass(frozen=True)
class LastUpdate:
    """What a stack holds; nothing before the first update.

    Attributes:
        commands: the remote commands by name.
        daemon_sets: as the cluster took them, by the names of their resources.
    """

    commands: Mapping[str, RecordedCommand] = field(default_factory=dict)
    daemon_sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def value(self, name: str, variable: str) -> str | None:
        """A variable that a command was given; None where there is no such command or variable."""
        recorded = self.commands.get(name)
        return recorded.told.values.get(variable) if recorded else None

    def file(self, name: str, path: str) -> str | None:
        """A file that a command was given; None where there is no such command or file."""
        recorded = self.commands.get(name)
        return recorded.told.files.get(path) if recorded else None


def load_last_update() -> LastUpdate:
    """The state of the current stack, read before anything is registered.

    The engine serves `readStackResourceOutputs` since 2018 (pkg/resource/deploy/builtins.go); it has no function of its
    own in the Python SDK. It sees each command as it last succeeded, also after an update that failed half-way.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    found = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": name}).value or {}

    def of_type(wanted: str) -> dict[str, Any]:
        resources = found.get("outputs", {}).items()
        return {urn.rpartition("::")[2]: each["outputs"] for urn, each in resources if each["type"] == wanted}

    return LastUpdate(
        {
            name: RecordedCommand(outputs["stdin"], outputs["connection"], outputs["stdout"])
            for name, outputs in of_type("command:remote:Command").items()
        },
        of_type("kubernetes:apps/v1:DaemonSet"),
    )
