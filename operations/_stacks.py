"""A stack without its program: its stack file, and the state that its last update left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.settings import Settings
from components.stack_file import SECTIONS, SettingsError, parse_settings
from local.errors import StepError
from local.paths import REPOSITORY, STATE, TOOL_CHAIN_BIN
from local.toolchain import environment as local_environment
from operations._stack_schema import PREFIX


@dataclass(frozen=True)
class SelectedStack:
    """A stack that a command is about.

    Attributes:
        name: as Pulumi knows it.
        file: its stack file; of a stack on local machines the generated one.
        environment: that Pulumi runs with.
    """

    name: str
    file: Path
    environment: Mapping[str, str]

    def settings(self) -> Settings:
        """What the stack file says.

        Raises:
            StepError: it is not valid.
        """
        config = (yaml.safe_load(self.file.read_text()) or {}).get("config", {})
        try:
            return parse_settings({name: config[PREFIX + name] for name in SECTIONS if PREFIX + name in config})
        except SettingsError as error:
            step, next_command = f"read {self.file.name}", "mend the stack file"
            raise StepError(step, expected="a valid stack", seen=str(error), next_command=next_command) from error

    def recorded_inputs(self) -> dict[str, str]:
        """Standard input of each remote command of the last update, by name; in clear where a secret is in it.

        Raises:
            StepError: the state cannot be read, or decrypted.
        """
        deployment = json.loads(self.pulumi("stack", "export", "--show-secrets"))["deployment"]
        found = {
            each["urn"].rpartition("::")[2]: _in_clear(each["inputs"].get("stdin"))
            for each in deployment.get("resources", [])
            if each["type"] == "command:remote:Command"
        }
        return {name: text for name, text in found.items() if isinstance(text, str)}

    def output(self, name: str) -> Any:
        """An output of the stack, in clear.

        Raises:
            StepError: there is none.
        """
        return json.loads(self.pulumi("stack", "output", name, "--show-secrets", "--json"))

    def secret(self, name: str) -> str:
        """A secret of the stack file, in clear.

        Raises:
            StepError: there is none, or it cannot be decrypted.
        """
        return self.pulumi("config", "get", name, "--config-file", str(self.file)).removesuffix("\n")

    def pulumi(self, *arguments: str) -> str:
        """What Pulumi prints.

        Raises:
            StepError: it failed.
        """
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        finished = subprocess.run(
            command, cwd=REPOSITORY, env=dict(self.environment), capture_output=True, text=True, check=False
        )
        if finished.returncode != 0:
            raise StepError(
                f"pulumi {' '.join(arguments)}",
                expected="it to succeed",
                seen=finished.stderr or finished.stdout,
                next_command=" ".join(command),
            )
        return finished.stdout


def _in_clear(value: Any) -> Any:
    """A value of an exported state; a secret is an object there, with its JSON as text."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def selected_stack(name: str) -> SelectedStack:
    """A stack by its name: one on local machines, or one whose stack file is beside Pulumi.yaml.

    Raises:
        StepError: there is no such stack file.
    """
    generated = STATE / name / f"Pulumi.{name}.yaml"
    if generated.exists():
        return SelectedStack(name, generated, local_environment())
    file = REPOSITORY / f"Pulumi.{name}.yaml"
    if not file.exists():
        raise StepError(
            f"find the stack {name}",
            expected=f"a file {file.name}",
            seen=", ".join(sorted(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))) or "none",
            next_command=f"make new-stack NAME={name}",
        )
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]])
    return SelectedStack(name, file, {**os.environ, "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "true"})
