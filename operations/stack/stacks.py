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
from components.steps.last_update import last_update_of
from components.steps.step import StepName
from local.environment import DEV
from local.errors import StepError
from local.paths import REPOSITORY, STATE, TOOL_CHAIN_BIN
from local.toolchain import environment as local_environment
from operations.stack.stack_schema import PREFIX

CLUSTER = "cluster"
"""Name of the component of a stack's cluster, in __main__.py."""

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
            raise StepError(step, expected="a valid stack", seen=str(error), next_command=next_command) from error

    def _config(self) -> dict[str, Any]:
        content = yaml.safe_load(self.file.read_text())
        config = content.get("config") if isinstance(content, dict) else content
        if not isinstance(config, dict):
            raise ValueError("no mapping `config:` with the settings of the stack")  # noqa: TRY004  # one of the file
        return config

    def recorded_inputs(self) -> dict[tuple[str, StepName], str]:
        """Standard input of each step of the last update, by its host and name; in clear where a secret is in it.

        Raises:
            StepError: the state cannot be read, or decrypted.
        """
        deployment = json.loads(self.pulumi("stack", "export", "--show-secrets")).get("deployment") or {}
        state = {
            each["urn"]: {
                "type": each["type"],
                "outputs": {
                    **each.get("outputs", {}),
                    "stdin": _in_clear(each.get("inputs", {}).get("stdin")),
                    "connection": {},
                },
            }
            for each in deployment.get("resources", [])
        }
        return {key: each.stdin for key, each in last_update_of(CLUSTER, state).steps.items()}

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
                step, expected="the program pulumi", seen="none in PATH", next_command=next_command
            ) from error
        if finished.returncode != 0:
            said = finished.stderr or finished.stdout
            next_command = self._next_of(said) or " ".join(command)
            raise StepError(step, expected="it to succeed", seen=said, next_command=next_command)
        return finished.stdout

    def _next_of(self, said: str) -> str | None:
        """What to do about a failure that the same command would only repeat."""
        if "no stack named" in said:
            return up_command(self.name) if is_local(self.name) else f"pulumi stack init {self.name}"
        if "does not have output property" in said:
            return up_command(self.name)
        if "PULUMI_ACCESS_TOKEN must be set" in said:
            return "pulumi login"
        missing = re.search(r"configuration key '(\S+)' not found", said)
        return f"pulumi config set --secret {missing[1]} --stack {self.name}" if missing else None


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


def up_command(stack: str) -> str:
    """What brings a stack up, for advice."""
    return "make up" if is_local(stack) else f"pulumi up --stack {stack}"


def name_stack(error: StepError, stack: str) -> None:
    """The advice of a check, which does not know whose it is, can be run as it stands."""
    advice = error.next_command.replace("STACK=...", f"STACK={stack}")
    advice = re.sub(r"pulumi up --refresh\b", f"pulumi up --stack {stack} --refresh", advice)
    advice = re.sub(r"(pulumi config set --secret \w+\b)(?! --stack)", rf"\1 --stack {stack}", advice)
    error.next_command = re.sub(r"pulumi up\b(?! --stack)", up_command(stack), advice)


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
            raise StepError(step, expected=expected, seen=seen, next_command=up_command(name))
        return SelectedStack(name, generated, local_environment())
    if not file.exists():
        raise StepError(
            step,
            expected=f"a file {file.name}",
            seen=", ".join(sorted(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))) or "none",
            next_command=f"make new-stack NAME={short_name(name)}",
        )
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]])
    return SelectedStack(name, file, {**os.environ, "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "true"})
