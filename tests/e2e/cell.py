"""Kubernetes version and Debian releases of the end-to-end tests: `make e2e KUBERNETES=1.24.3 DEBIAN=11,12`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from local import mirror
from local.environment import E2E, Environment
from local.mirror import MirrorAccess
from local.mirror.versions import RELEASES, Release, release
from local.paths import REPOSITORY, STATE

STACK_FILE = REPOSITORY / "tests" / "e2e" / "Pulumi.e2e.yaml"
LAST_MINOR_WITH_DISTRIBUTION_CONTAINERD = 25
"""The last minor version that is tested with Debian's containerd; newer versions run on that of the mirror."""
DEBIAN_WITH_OLD_CONTAINERD = 11
"""The Debian release with containerd 1.4."""


@dataclass(frozen=True)
class Cell:
    """A tested combination.

    Attributes:
        debian: releases of the machines in their order, the last one for all that follow.
    """

    kubernetes: str = mirror.KUBERNETES
    debian: tuple[int, ...] = (E2E.debian,)

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Cell:
        """The cell that KUBERNETES and DEBIAN name; where they are empty, the default one."""
        debian = tuple(int(number) for number in variables.get("DEBIAN", "").split(",") if number)
        return cls(variables.get("KUBERNETES") or cls.kubernetes, debian or cls.debian)

    @property
    def minor(self) -> int:
        """The minor version of Kubernetes."""
        return int(self.kubernetes.split(".")[1])

    @property
    def newer_patch(self) -> str | None:
        """The newest Kubernetes of the same minor that the mirror can build, if it is newer."""
        of_its_minor = [
            version for version in RELEASES if version.rpartition(".")[0] == self.kubernetes.rpartition(".")[0]
        ]
        return of_its_minor[-1] if of_its_minor[-1] != self.kubernetes else None

    @property
    def environment(self) -> Environment:
        """The machines."""
        return E2E.with_debian(self.debian)

    @property
    def release(self) -> Release:
        """What the mirror holds with this Kubernetes version."""
        return release(self.kubernetes)

    def access(self, access: MirrorAccess) -> MirrorAccess:
        """The mirror, without its containerd where the distribution's can be tested."""
        if self.minor > LAST_MINOR_WITH_DISTRIBUTION_CONTAINERD:
            return access
        return replace(access, containerd_repository_url=None)

    def stack_file(self) -> Path:
        """The committed stack file, with the version of this cell."""
        stack = yaml.safe_load(STACK_FILE.read_text())
        stack["config"]["kubeadm:cluster"]["kubernetesVersion"] = self.kubernetes
        STATE.mkdir(exist_ok=True, mode=0o700)
        path = STATE / STACK_FILE.name
        path.write_text(yaml.safe_dump(stack, sort_keys=False))
        return path


CELL = Cell.of(os.environ)
