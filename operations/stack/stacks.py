"""A stack without its program: its stack file, and the state that its last update left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.settings import Settings
from components.settings.stack_file import SECTIONS, SettingsError, parse_settings
from local.environment import DEV
from local.paths import REPOSITORY, STATE, TOOL_CHAIN_BIN
from local.toolchain import environment as local_environment
from operations.stack.commands import StackCommands
from operations.stack.stack_schema import PREFIX
from problem import Problem, StepError

OWN_BACKEND = "organization/kubeadm/"
"""Before the name of a stack in a backend without organisations, which that of local machines is."""


@dataclass(frozen=True)
class SelectedStack:
    """A stack that a command is about.

    Attributes:
        name: as Pulumi knows it, with its organisation and project if it was given with them.
        file: its stack file; of a stack on local machines the generated one.
        environment: that Pulumi runs with.
    """

    name: str
    file: Path
    environment: Mapping[str, str]

    @property
    def commands(self) -> StackCommands:
        """The commands that advice names."""
        return commands_of(self.name)

    def settings(self) -> Settings:
        """What the stack file says.

        Raises:
            StepError: it is not valid.
        """
        try:
            config = self._config()
            return parse_settings({name: config[PREFIX + name] for name in SECTIONS if PREFIX + name in config})
        except (SettingsError, yaml.YAMLError, ValueError, OSError) as error:
            step, next_command = f"read {self.file.name}", "mend the stack file"
            raise StepError(
                Problem(step, expected="a valid stack", seen=str(error), next_command=next_command)
            ) from error

    def _config(self) -> dict[str, Any]:
        content = yaml.safe_load(self.file.read_text())
        config = content.get("config") if isinstance(content, dict) else content
        if not isinstance(config, dict):
            raise ValueError("no mapping `config:` with the settings of the stack")  # noqa: TRY004  # one of the file
        return config

    def recorded_inputs(self) -> dict[str, str]:
        """Standard input of each remote command of the last update, by name; in clear where a secret is in it.

        Raises:
            StepError: the state cannot be read, or decrypted.
        """
        deployment = json.loads(self.pulumi("stack", "export", "--show-secrets")).get("deployment") or {}
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
        step = f"pulumi {' '.join(arguments)}"
        try:
            finished = subprocess.run(
                command, cwd=REPOSITORY, env=dict(self.environment), capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            next_command = "make tools installs it"
            raise StepError(
                Problem(step, expected="the program pulumi", seen="none in PATH", next_command=next_command)
            ) from error
        if finished.returncode != 0:
            said = finished.stderr or finished.stdout
            next_command = self._next_of(said) or " ".join(command)
            raise StepError(Problem(step, expected="it to succeed", seen=said, next_command=next_command))
        return finished.stdout

    def _next_of(self, said: str) -> str | None:
        """What to do about a failure that the same command would only repeat."""
        if "no stack named" in said:
            return self.commands.up if is_local(self.name) else f"pulumi stack init {self.name}"
        if "does not have output property" in said:
            return self.commands.up
        if "PULUMI_ACCESS_TOKEN must be set" in said:
            return "pulumi login"
        missing = re.search(r"configuration key '(\S+)' not found", said)
        return self.commands.set_secret(missing[1]) if missing else None


def _in_clear(value: Any) -> Any:
    """A value of an exported state; a secret is an object there, with its JSON as text."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def short_name(stack: str) -> str:
    """The last part of `acme/shop` or `organization/kubeadm/shop`, which the stack file is named after."""
    return stack.rpartition("/")[2]


def stack_file_name(stack: str) -> str:
    """As Pulumi names it."""
    return f"Pulumi.{short_name(stack)}.yaml"


def is_local(stack: str) -> bool:
    """Whether it is one of local machines, in the backend of this checkout."""
    name = short_name(stack)
    return stack in {name, OWN_BACKEND + name} and (name == DEV.name or _generated(name).exists())


def commands_of(stack: str) -> StackCommands:
    """The commands of a stack. `make up` knows the stack `dev` only; other local machines are those of tests."""
    name = short_name(stack)
    if is_local(stack) and name == DEV.name:
        return StackCommands(stack, "make up", "make refresh", f"--stack {stack} --config-file {_generated(name)}")
    selection = f"--stack {stack}"
    if is_local(stack):
        selection += f" --config-file {_generated(name)}"
    return StackCommands(stack, f"pulumi up {selection}", f"pulumi up {selection} --refresh", selection)


def _generated(name: str) -> Path:
    return STATE / name / stack_file_name(name)


def selected_stack(name: str) -> SelectedStack:
    """A stack by its name: one on local machines, or one whose stack file is beside Pulumi.yaml.

    Raises:
        StepError: there is no such stack file.
    """
    generated, file = _generated(short_name(name)), REPOSITORY / stack_file_name(name)
    step = f"find the stack {name}"
    if is_local(name):
        if not generated.exists():
            expected, seen = "the stack of local machines", "none in this checkout"
            raise StepError(Problem(step, expected=expected, seen=seen, next_command=commands_of(name).up))
        return SelectedStack(name, generated, local_environment())
    if not file.exists():
        raise StepError(
            Problem(
                step,
                expected=f"a file {file.name}",
                seen=", ".join(sorted(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))) or "none",
                next_command=f"make new-stack NAME={short_name(name)}",
            )
        )
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]])
    return SelectedStack(name, file, {**os.environ, "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "true"})
