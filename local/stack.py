"""A stack on local machines: its stack file, and runs of Pulumi."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import host_exceptions, public_sources
from local.commands import run
from local.environment import Environment
from local.host_exceptions import HostException
from local.mirror import KUBERNETES, MirrorAccess
from local.paths import LOGS, REPOSITORY, STATE
from local.processes import runs
from local.report import Progress, say
from local.streamed import Streamed
from local.toolchain import environment as tool_environment
from problem import StepError

PROJECT = "kubeadm"
DONE_LINE = re.compile(r"^ [+~-]+ .* (created|updated|deleted)\b")
PLUGIN_WARNING = "warning: using pulumi-resource-"
"""Begin of Pulumi's warning about plugins on PATH, where this project installs plugins."""
USUAL_RESOURCES = 95
"""Number of resources of a stack with three hosts, for the progress bar only."""


@dataclass(frozen=True)
class LocalStack:
    """The stack of an environment.

    Attributes:
        environment: the environment of the machines.
        source: the committed stack file. A copy gets the settings of this host.
    """

    environment: Environment
    source: Path

    @property
    def file(self) -> Path:
        """The stack file in use."""
        return self.environment.directory / f"Pulumi.{self.environment.name}.yaml"

    @property
    def kubernetes(self) -> str:
        """The Kubernetes version of the committed stack file."""
        # The standard library has no YAML parser; a test compares this with a parser.
        found = re.search(r"(?m)^ *kubernetesVersion: *['\"]?(\d+\.\d+\.\d+)", self.source.read_text())
        return found[1] if found else KUBERNETES

    def configure(self, access: MirrorAccess | None) -> None:
        """Write the stack file: the committed stack file, its sources, and what this host needs.

        Args:
            access: the mirror; None for the public sources.
        """
        needed = host_exceptions.exceptions(host_exceptions.this_host(), self.kubernetes, self._kept_exceptions())
        for each in needed:
            say(str(each))
        basis = json.dumps(
            [self.source.read_text(), self._settings(access), {each.name: each.settings for each in needed}]
        )
        if self.file.exists() and self._basis.exists() and self._basis.read_text() == basis:
            return
        unfinished = self.file.with_suffix(".unfinished.yaml")
        shutil.copyfile(self.source, unfinished)
        if not self.exists():
            self._create()
        settings = [f"{key}={value}" for key, value in self._settings(access).items()]
        plain = [argument for setting in settings for argument in ("--plaintext", setting)]
        configure = ("--stack", self.environment.name, "--config-file", str(unfinished))
        self.pulumi("config", "set-all", "--path", *configure, *plain, step="configure the sources")
        if needed:
            self._add(needed, configure)
        if access:
            command = ("config", "set", "--secret", "registryPassword", *configure)
            self.pulumi(*command, step="configure the registry's password", standard_input=access.password)
        unfinished.rename(self.file)
        self._basis.write_text(basis)

    def up(self, progress: Progress | None = None, *arguments: str) -> str:
        """Bring the stack up and return the output of Pulumi.

        Raises:
            StepError: with Pulumi's diagnostics.
        """
        self.forget_dead_update()
        return self._run_update("up", "--yes", "--skip-preview", *arguments, progress=progress)

    def preview(self) -> str:
        """The plan and the preview, as Pulumi prints them.

        Raises:
            StepError: with Pulumi's diagnostics.
        """
        lines = self._run_update("preview", "--diff").splitlines()
        return "\n".join(line for line in lines if not line.startswith(PLUGIN_WARNING))

    def destroy(self) -> None:
        """Delete the stack's objects in the cluster, and forget the hosts."""
        self.forget_dead_update()
        self._run_update("destroy", "--yes", "--skip-preview")

    def output(self, name: str) -> Any:
        """An output of the stack, in clear."""
        command = ("stack", "output", name, "--show-secrets", "--json", "--stack", self.environment.name)
        return json.loads(self.pulumi(*command, step=f"read the output {name}"))

    def exists(self) -> bool:
        """True where the stack was brought up from this checkout."""
        return any((STATE / "pulumi-state").rglob(f"stacks/{PROJECT}/{self.environment.name}.json"))

    def forget_dead_update(self) -> None:
        """Delete the lock of a killed update, and its pending operations.

        Pulumi would warn of pending operations for ever. Each operation may run again: scripts check first, and objects
        are applied. The lock of a running update stays.
        """
        dead = [
            lock
            for lock in (STATE / "pulumi-state").rglob(f"locks/**/{PROJECT}/{self.environment.name}/*.json")
            if not runs(json.loads(lock.read_text()).get("pid"), "pulumi")
        ]
        for lock in dead:
            lock.unlink()
        if not dead or not self.exists():
            return
        selected = ("--stack", self.environment.name)
        state = json.loads(self.pulumi("stack", "export", *selected, step="read the state"))
        if state["deployment"].pop("pending_operations", None):
            command = ("stack", "import", *selected)
            self.pulumi(*command, step="forget what a killed update had begun", standard_input=json.dumps(state))

    def pulumi(self, *arguments: str, step: str, standard_input: str | None = None) -> str:
        """Run Pulumi with the tool chain of this checkout."""
        return run(
            ["pulumi", *arguments, "--non-interactive"],
            step=step,
            log=f"pulumi-{self.environment.name}",
            cwd=REPOSITORY,
            environment=tool_environment(),
            standard_input=standard_input,
        )

    @property
    def _selection(self) -> tuple[str, ...]:
        return ("--stack", self.environment.name, "--config-file", str(self.file))

    @property
    def _basis(self) -> Path:
        return self.file.with_suffix(".basis")

    def _kept_exceptions(self) -> frozenset[str]:
        """Names of the exceptions of the stack file in use."""
        basis = json.loads(self._basis.read_text()) if self._basis.exists() else []
        return frozenset(basis[2]) if len(basis) > 2 else frozenset()  # an older version kept none

    def _add(self, needed: list[HostException], configure: tuple[str, ...]) -> None:
        """Add exceptions to a stack file. As JSON: no path of `config set` appends to a list, or says null."""
        step = "configure what this host needs"
        read = json.loads(self.pulumi("config", "--json", *configure, step=step))
        changed = host_exceptions.changed_sections(read, needed, project=PROJECT)
        self.pulumi("config", "set-all", "--json", json.dumps(changed), *configure, step=step)

    def _settings(self, access: MirrorAccess | None) -> dict[str, str]:
        if access:
            sources = mirror_settings(access, self.kubernetes)
        else:
            sources = public_sources.settings(self.environment.debian)
        return {**sources, **further_control_planes(self.environment)}

    def _create(self) -> None:
        """Create the stack from a copy of the project: Pulumi would write into the committed stack file."""
        project = self.environment.directory / "project"
        project.mkdir(exist_ok=True)
        shutil.copyfile(REPOSITORY / "Pulumi.yaml", project / "Pulumi.yaml")
        command = ("--cwd", str(project), "stack", "init", "--no-select", self.environment.name)
        self.pulumi(*command, step="create the stack")

    def _run_update(self, command: str, *arguments: str, progress: Progress | None = None) -> str:
        full = ["pulumi", command, *arguments, "--suppress-outputs", "--non-interactive", *self._selection]
        printed, finished = [], 0
        with Streamed(full, LOGS / f"pulumi-{self.environment.name}.log") as (process, lines):
            for line in lines:
                printed.append(line)
                if DONE_LINE.match(line) and progress:
                    finished += 1
                    progress(min(finished / USUAL_RESOURCES, 0.99), " ".join(line.split()[1:4]))
            status = process.wait()
        text = "\n".join(printed)
        if status != 0:
            raise StepError(
                f"pulumi {command}",
                expected=f"stack {self.environment.name} to converge",
                seen=text[text.find("Diagnostics:") :] if "Diagnostics:" in text else text[-3000:],
                next_command="remove the cause named above, then run the same command again",
            )
        return text


def further_control_planes(environment: Environment) -> dict[str, str]:
    """Settings of the hosts that no committed stack file names."""
    return {
        f"hosts.{name}.{key}": value
        for name in environment.further_control_planes
        for key, value in {"address": environment.address(name), "role": "control-plane"}.items()
    }


def mirror_settings(access: MirrorAccess, kubernetes: str) -> dict[str, str]:
    """Settings of a stack that uses the mirror, as paths and values of `pulumi config set --path`.

    Args:
        access: the mirror.
        kubernetes: version of Kubernetes of the stack.
    """
    registry = f'containerd.registries["{access.registry}"]'
    keyring = {"keyring": str(access.keyring), "fingerprint": access.fingerprint}
    repositories = {"packages.repository": {"url": access.package_repository_url, **keyring}}
    containerd = {}
    if access.containerd_repository_url:
        repositories["containerd.repository"] = {"url": access.containerd_repository_url, **keyring}
        containerd["containerd.package"] = "containerd.io"
    return {
        **{f"{path}.{key}": value for path, each in repositories.items() for key, value in each.items()},
        **{f'images.rewrite["{source}"]': target for source, target in access.rewrite.items()},
        **containerd,
        f"{registry}.caFile": str(access.ca_file),
        f"{registry}.username": access.username,
        **access.calico_settings(kubernetes),
        **access.metrics_server_settings(kubernetes),
        "dashboard.image": access.dashboard_image,
        "dashboard.metricsScraperImage": access.metrics_scraper_image,
    }
