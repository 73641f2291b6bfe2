"""The stack file becomes `Settings`, or an error that lists every problem."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError

from components.settings import Settings
from components.settings._problems import problems_of, unknown_key
from components.settings.contradictions import contradictions

CLUSTER = "cluster"
"""Name of the component of a stack file: never changed, and independent of the name of the cluster."""

SECTIONS = tuple(Settings.model_fields)


class SettingsError(pulumi.RunError):
    """A stack file with problems.

    Attributes:
        problems: a line for each problem: path in the file, the problem, the found value.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the stack file has {len(problems)} problem(s); nothing was touched:\n{lines}")


def load_settings() -> Settings:
    """Settings of the current stack.

    Raises:
        SettingsError: with every problem of the stack file.
    """
    config = pulumi.Config()
    prefix = f"{config.name}:"
    names = {key.removeprefix(prefix) for key in runtime_config.CONFIG.get() if key.startswith(prefix)}
    found = {section: config.get_object(section) for section in SECTIONS}
    return parse_settings(
        {section: value for section, value in found.items() if value is not None},
        others=names - set(SECTIONS),
        secrets={name for name in names if runtime_config.is_config_secret(prefix + name)},
    )


def parse_settings(
    raw: Mapping[str, Any], *, others: Collection[str] = (), secrets: Collection[str] | None = None
) -> Settings:
    """Settings from the mapping that a stack file holds, its keys without the project's prefix.

    Args:
        raw: sections by name.
        others: names of the stack's further settings.
        secrets: names of the encrypted settings; None validates the sections only.

    Raises:
        SettingsError: with every problem; of encrypted sections alone, because other problems may repeat their values.
    """
    encrypted = list(_encrypted_sections(raw, secrets or ()))
    if encrypted:
        raise SettingsError(encrypted)
    named = dict(raw)
    hosts = raw.get("hosts")
    if isinstance(hosts, dict):
        named["hosts"] = {
            name: {"name": name, **host} if isinstance(host, dict) else host for name, host in hosts.items()
        }
    settings, problems = None, []
    try:
        settings = Settings.model_validate(named)
    except ValidationError as error:
        problems = problems_of(error, named)
    if settings:
        problems += contradictions(settings)
    problems += _problems_of_other_settings(settings, others, secrets)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _encrypted_sections(raw: Mapping[str, Any], secrets: Collection[str]) -> Iterator[str]:
    """Sections that are a secret, or have one in them: Pulumi names the section only, once it has decrypted it."""
    for name in SECTIONS:
        if name in raw and (name in secrets or _has_ciphertext(raw[name])):
            yield (
                f"{name}: encrypted, or a setting in it is, found `secure:`; previews, state and files of hosts would"
                " show it in clear; write it in plain text: only passwords of image registries are secrets"
            )


def _has_ciphertext(node: Any) -> bool:
    """True for a part of a stack file with a mapping that Pulumi decrypts: `secure:` alone, and a text."""
    if isinstance(node, Mapping):
        if len(node) == 1 and isinstance(node.get("secure"), str):
            return True
        node = list(node.values())
    return isinstance(node, list) and any(_has_ciphertext(each) for each in node)


def _problems_of_other_settings(
    settings: Settings | None, others: Collection[str], secrets: Collection[str] | None
) -> Iterator[str]:
    """Problems of settings beside the sections: passwords must be secrets, any other name is a misspelt section."""
    registries = settings.containerd.registries.items() if settings else ()
    passwords = {access.password_key: registry for registry, access in registries if access.username}
    if settings:
        for name in sorted(set(others) - set(passwords)):
            yield f"{name}: {unknown_key(name, [*SECTIONS, *passwords])}"
    if secrets is None:
        return
    for name, registry in passwords.items():
        command = f"pulumi config set --secret {name}"
        if name not in others:
            yield f"{name}: missing, the password of image registry {registry}; set it: {command}"
        elif name not in secrets:
            yield f"{name}: in plain text; encrypt it: {command}, and change the password, which was readable"
