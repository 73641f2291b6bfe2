"""Passwords of image registries and package repositories, in the plan: that they change, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from components.host_files import apt, containerd, effect_of
from components.settings import Host, Registry
from components.steps.step import StepName
from components.steps.wanted import Wanted


@dataclass(frozen=True)
class Passwords:
    """The passwords of a stack, in clear.

    Attributes:
        registries: of image registries, by registry.
        repositories: of package repositories, by server.
    """

    registries: Mapping[Registry, str] = field(default_factory=dict, repr=False)
    repositories: Mapping[str, str] = field(default_factory=dict, repr=False)


def password_changes(host: Host, wanted: Wanted, passwords: Passwords) -> Iterator[str]:
    """A line for passwords of either kind that change on a host that was prepared before."""
    files_of = {
        StepName.REPOSITORIES: apt.login_files(wanted.settings, passwords.repositories),
        StepName.IMAGES: containerd.credential_files(wanted.settings, passwords.registries),
    }
    for name, files in files_of.items():
        recorded = wanted.last.step(host.name, name)
        if recorded is None and name is StepName.IMAGES:
            continue
        before, after = recorded.inputs.files if recorded else {}, {file.path: file.content for file in files}
        if before != after:
            what = "registries" if name is StepName.IMAGES else "package repositories"
            effects = [effect_of(path).text for path in sorted({*after, *before})]
            yield f"{host.name}: passwords of {what} change: {effects[-1]}"
        elif name is StepName.IMAGES and "PASSWORD_KEYS" in wanted.changed_variables(host.name, name):
            yield f"{host.name}: passwords of registries have other names in the stack, and stay; nothing restarts"
