"""A stack without its program: its stack file, and the state that its last update left."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from components.addons.logins import use_passwords
from components.settings import Settings
from components.settings.stack_file import CLUSTER, SECTIONS, SettingsError, parse_settings
from components.steps.last_update import last_update_of
from components.steps.stdin import with_contents
from components.steps.step import StepName
from local.environment import DEV
from local.paths import REPOSITORY, STATE, TOOL_CHAIN_BIN
from local.toolchain import environment as local_environment
from operations.stack.automation import Workspace, explained, workspace
from operations.stack.commands import StackCommands
from operations.stack.stack_schema import PREFIX
from problem import StepError

SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""Key and value by which an exported state marks a secret: pulumi/sdk go/common/resource/sig."""

OWN_BACKEND = "organization/kubeadm/"
"""Prefix of the name of a stack in a backend without organisations, such as the backend of local machines."""


@dataclass(frozen=True)
class SelectedStack:
    """The stack that a command works on.

    Attributes:
        name: name of the stack in Pulumi, with the organisation and the project that a person gave.
        file: the stack file; for local machines the generated stack file.
        environment: environment of Pulumi; may hold a passphrase.
    """

    name: str
    file: Path
    environment: Mapping[str, str] = field(repr=False)

    @property
    def commands(self) -> StackCommands:
        """The commands of the stack, for advice in problems."""
        return commands_of(self.name)

    def settings(self) -> Settings:
        """The settings in the stack file. Charts are fetched with the passwords of this stack.

        Raises:
            StepError: the stack file is not valid.
        """
        try:
            config = self._config()
            found = parse_settings({name: config[PREFIX + name] for name in SECTIONS if PREFIX + name in config})
        except (SettingsError, yaml.YAMLError, ValueError, OSError) as error:
            step, next_command = f"read {self.file.name}", "mend the stack file"
            raise StepError(step, expected="a valid stack", seen=str(error), next_command=next_command) from error
        # Only a chart that is not in the cache needs a password, and decrypting it may need a passphrase.
        use_passwords(cache(lambda registry: self.secret(found.containerd.registries[registry].password_key)))
        return found

    def _config(self) -> dict[str, Any]:
        content = yaml.safe_load(self.file.read_text())
        config = content.get("config") if isinstance(content, dict) else content
        if not isinstance(config, dict):
            raise ValueError("no mapping `config:` with the settings of the stack")  # noqa: TRY004  # one of the file
        return config

    def recorded_inputs(self) -> dict[tuple[str, StepName], str]:
        """Standard input of each step of the last update, by host and step name; secrets are in clear.

        Raises:
            StepError: the state cannot be read, or decrypted.
        """
        state = {
            each["urn"]: {
                "type": each["type"],
                "outputs": {
                    **each.get("outputs", {}),
                    "stdin": _in_clear(each.get("inputs", {}).get("stdin")),
                    "connection": {},
                },
            }
            for each in self._resources
        }
        last = last_update_of(CLUSTER, state)
        return {key: with_contents(each.stdin, last.contents) for key, each in last.steps.items()}

    def output(self, name: str) -> Any:
        """An output of the stack, in clear.

        Raises:
            StepError: the stack has no such output.
        """
        outputs = self.outputs()
        if name not in outputs:
            step, seen = (
                f"read the output {name}",
                f"{', '.join(outputs) or 'none'}, as the last update left them",
            )
            raise StepError(step, expected=f"an output {name}", seen=seen, next_command=self.commands.up)
        return outputs[name]

    def outputs(self) -> dict[str, Any]:
        """The outputs that the last update left, in clear.

        Raises:
            StepError: the outputs cannot be read, or decrypted.
        """
        stack = next((each for each in self._resources if each["type"] == "pulumi:pulumi:Stack"), {})
        return {name: _in_clear(value) for name, value in stack.get("outputs", {}).items()}

    @cached_property
    def _resources(self) -> list[dict[str, Any]]:
        """Resources of the state, exported once: each start of Pulumi costs most of a second."""
        with self._workspace("read the state") as found:
            return (found.export_stack(self.name).deployment or {}).get("resources") or []

    def secret(self, name: str) -> str:
        """A secret of the stack file, in clear.

        Raises:
            StepError: the stack file has no such secret, or the secret cannot be decrypted.
        """
        step = f"read the secret {name}"
        with project_copy(self.file) as directory, self._workspace(step, directory) as found:
            config = found.get_all_config(self.name)
        if PREFIX + name not in config:
            next_command = self.commands.set_secret(name)
            raise StepError(step, expected=f"{name} in {self.file.name}", seen="none", next_command=next_command)
        return config[PREFIX + name].value

    @contextmanager
    def _workspace(self, step: str, directory: Path = REPOSITORY) -> Iterator[Workspace]:
        with workspace(directory, self.environment) as found, explained(step, found, self.commands):
            yield found


@contextmanager
def project_copy(stack_file: Path, project: Path = REPOSITORY) -> Iterator[Path]:
    """A directory with copies of Pulumi.yaml and of a stack file, for what Pulumi reads or writes beside Pulumi.yaml.

    `config` of the Automation API takes no --config-file, and `stack init` writes a salt into the file that it finds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(project / "Pulumi.yaml", scratch)
        shutil.copy(stack_file, scratch)
        yield Path(scratch)


def _in_clear(value: Any) -> Any:
    """A value of an exported state; a secret is an object there, with its JSON as text."""
    if isinstance(value, dict):
        return (
            json.loads(value["plaintext"])
            if value.get(SIGNATURE) == SECRET
            else {key: _in_clear(inner) for key, inner in value.items()}
        )
    return [_in_clear(inner) for inner in value] if isinstance(value, list) else value


def short_name(stack: str) -> str:
    """The last part of `acme/shop` or `organization/kubeadm/shop`, which the stack file is named after."""
    return stack.rpartition("/")[2]


def stack_file_name(stack: str) -> str:
    """Name of a stack file, as Pulumi looks for it."""
    return f"Pulumi.{short_name(stack)}.yaml"


def is_local(stack: str) -> bool:
    """True for a stack of local machines, in the backend of this checkout."""
    name = short_name(stack)
    return stack in {name, OWN_BACKEND + name} and (name == DEV.name or _generated(name).exists())


def commands_of(stack: str) -> StackCommands:
    """The commands of a stack. `make up` knows the stack `dev` only; other local machines are those of tests."""
    name = short_name(stack)
    selection = f"--stack {stack}"
    if is_local(stack):
        selection += f" --config-file {_generated(name)}"
        if name == DEV.name:
            return StackCommands(stack, create="make up", up="make up", refresh="make refresh", configure=selection)
    up = f"pulumi up {selection}"
    # A second state of a cluster would be a second plan for it: the stack may be in a backend that is not chosen here.
    create = (
        "see by `pulumi whoami --verbose` that this is the backend of the stack; if the stack was never made:"
        f" pulumi stack init {stack} --secrets-provider passphrase"
    )
    return StackCommands(stack, create=create, up=up, refresh=f"{up} --refresh", configure=selection)


def _generated(name: str) -> Path:
    return STATE / name / stack_file_name(name)


def selected_stack(name: str) -> SelectedStack:
    """A stack by its name: a stack on local machines, or a stack whose file is beside Pulumi.yaml.

    Raises:
        StepError: there is no such stack file.
    """
    generated, file = _generated(short_name(name)), REPOSITORY / stack_file_name(name)
    step = f"find the stack {name}"
    if is_local(name):
        if not generated.exists():
            expected, seen = "the stack of local machines", "none in this checkout"
            raise StepError(step, expected=expected, seen=seen, next_command=commands_of(name).up)
        return SelectedStack(name, generated, local_environment())
    if not file.exists():
        files = sorted(path.name for path in REPOSITORY.glob("Pulumi.*.yaml"))
        names = [each.removeprefix("Pulumi.").removesuffix(".yaml") for each in files]
        near = difflib.get_close_matches(short_name(name), names, n=1)
        next_command = f"make new-stack NAME={short_name(name)}"
        if near:
            next_command = f"the same command with STACK={near[0]}, or for a new stack: {next_command}"
        seen = ", ".join(files) or "none"
        raise StepError(step, expected=f"a file {file.name}", seen=seen, next_command=next_command)
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]])
    return SelectedStack(name, file, {**os.environ, "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "true"})
