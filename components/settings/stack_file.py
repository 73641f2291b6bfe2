"""The stack file becomes `Settings`, or an error that lists every problem."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError

from components.settings import Settings
from components.settings._problems import nearest, problems_of, unknown_key
from components.settings.contradictions import contradictions
from components.settings.encryption import problem_of_key
from components.settings.passwords import stack_secrets

CLUSTER = "cluster"
"""Name of the component of a stack file: never changed, and independent of the name of the cluster."""

SECTIONS = tuple(field.alias or name for name, field in Settings.model_fields.items())


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
    values = {key.removeprefix(prefix): value for key, value in runtime_config.CONFIG.get().items()}
    names = {key.removeprefix(prefix) for key in runtime_config.CONFIG.get() if key.startswith(prefix)}
    found = {section: config.get_object(section) for section in SECTIONS}
    return parse_settings(
        {section: value for section, value in found.items() if value is not None},
        others=names - set(SECTIONS),
        secrets={name for name in names if runtime_config.is_config_secret(prefix + name)},
        values={name: values[name] for name in names - set(SECTIONS)},
    )


def parse_settings(
    raw: Mapping[str, Any],
    *,
    others: Collection[str] = (),
    secrets: Collection[str] | None = None,
    values: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from the mapping that a stack file holds, its keys without the project's prefix.

    Args:
        raw: sections by name.
        others: names of the stack's further settings.
        secrets: names of the encrypted settings; None validates the sections only.
        values: values of the further settings, decrypted; no problem repeats one.

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
    problems += _problems_of_keys(settings, values or {})
    problems += _problems_of_logins(settings, values or {})
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _encrypted_sections(raw: Mapping[str, Any], secrets: Collection[str]) -> Iterator[str]:
    """Sections that are a secret, or have one in them: Pulumi names the section only, once it has decrypted it."""
    for name in SECTIONS:
        if name in raw and (name in secrets or _has_ciphertext(raw[name])):
            yield (
                f"{name}: encrypted, or a setting in it is, found `secure:`; previews, state and files of hosts would"
                " show it in clear; write it in plain text: only passwords of"
                " image registries and package repositories, and keys of Secrets, are secrets"
            )


def _has_ciphertext(node: Any) -> bool:
    """True where a part of a stack file has a mapping that Pulumi would decrypt: `secure:` alone, and a text."""
    if isinstance(node, Mapping):
        if len(node) == 1 and isinstance(node.get("secure"), str):
            return True
        node = list(node.values())
    return isinstance(node, list) and any(_has_ciphertext(each) for each in node)


def _problems_of_other_settings(
    settings: Settings | None, others: Collection[str], secrets: Collection[str] | None
) -> Iterator[str]:
    """Problems of settings beside the sections: passwords must be secrets, any other name is a misspelt section."""
    known = {each.key: each.words for each in stack_secrets(settings)} if settings else {}
    for name in sorted(set(others) - set(known)):
        section, dot, _ = name.partition(".")
        if dot and section in SECTIONS:
            yield (
                f"{name}: unknown key; it was set without --path: pulumi config rm {name}, then"
                f" pulumi config set --path '{name}' with its value"
            )
            continue
        # An invalid file does not tell the names of secrets. Then a plain text counts as a misspelt section if it is
        # like one.
        if settings or (name not in (secrets or ()) and nearest(name, SECTIONS)):
            yield f"{name}: {unknown_key(name, [*SECTIONS, *known])}"
    if secrets is None:
        return
    for name, what in known.items():
        command = f"pulumi config set --secret {name}"
        if name not in others:
            yield f"{name}: missing, the {what}; set it: {command}"
        elif name not in secrets:
            word = what.partition(" ")[0]
            yield f"{name}: in plain text; encrypt it: {command}, and change the {word}, which was readable"


def _problems_of_logins(settings: Settings | None, values: Mapping[str, str]) -> Iterator[str]:
    """Passwords of package repositories that apt or curl would read as another one: apt_auth.conf(5) has no quotes.

    curl takes a word that begins with `#` for the beginning of a comment.
    """
    for repository in settings.repository_logins.values() if settings else ():
        value = values.get(repository.password_key, "-")
        if not value or value.startswith(('"', "#")) or any(character.isspace() for character in value):
            yield f'{repository.password_key}: apt or curl reads none that is empty, has a blank or begins with " or #'


def _problems_of_keys(settings: Settings | None, values: Mapping[str, str]) -> Iterator[str]:
    """Keys of Secrets with which the API server would not start, or of which one is there twice."""
    keys = settings.cluster.encryption.keys if settings and settings.cluster.encryption else ()
    names: dict[str, str] = {}
    for key in (each for each in keys if each.secret in values):
        value = values[key.secret].strip()
        problem = problem_of_key(value)
        if problem:
            command = f"openssl rand -base64 32 | pulumi config set --secret {key.secret}"
            yield f"{key.secret}: {problem}; make one: {command}"
        elif value in names:
            yield f"{key.secret}: the same key as {names[value]}, under another name; make another one"
        names[value] = key.secret
