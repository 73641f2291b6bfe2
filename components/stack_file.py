"""The stack file becomes `Settings`, or one error that lists everything that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError

from components.contradictions import contradictions
from components.settings import Settings

SECTIONS = tuple(Settings.model_fields)


class SettingsError(pulumi.RunError):
    """A stack file with problems.

    Attributes:
        problems: one line each: path in the file, what is wrong, what was found.
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
        secrets: names of those that are encrypted; None where only the sections are looked at.

    Raises:
        SettingsError: with every problem.
    """
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
        problems = [_problem(details) for details in error.errors()]
    if settings:
        problems += contradictions(settings)
    problems += _problems_of_other_settings(settings, others, secrets)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def _problem(details: Any) -> str:
    # pydantic marks a key that is wrong by this word after it; someone may call a key so.
    path = list(details["loc"][:-1] if details["loc"][-1] == "[key]" and len(details["loc"]) > 1 else details["loc"])
    place = ".".join(str(part) for part in path)
    if details["type"] == "extra_forbidden":
        # Its value is not repeated: it may be a password that was put into the wrong place.
        return f"{place}: {_unknown(str(path[-1]), known_keys(path[:-1]))}"
    found = details["input"]
    says_enough = details["type"] == "missing" or isinstance(found, dict)
    shown = "" if says_enough else f", found {found!r}"
    return f"{place}: {details['msg'].removeprefix('Value error, ')}{shown}"


def _unknown(name: str, known: Collection[str]) -> str:
    folded = {key.lower(): key for key in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    hint = f"did you mean `{folded[close[0]]}`?" if close else f"known are {', '.join(sorted(known)) or 'none'}"
    return f"unknown key; {hint}"


@cache
def _schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def known_keys(path: Sequence[int | str]) -> list[str]:
    """The keys that a stack file may have at a place of it."""
    node = _schema()
    for part in path:
        node = _inner(node, part)
    return list(_resolved(node).get("properties", {}))


def _inner(node: dict[str, Any], part: int | str) -> dict[str, Any]:
    node = _resolved(node)
    of_any_key = next(iter(node.get("patternProperties", {}).values()), None)
    found = node.get("properties", {}).get(part) or node.get("items") or of_any_key
    return found if isinstance(found, dict) else {}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to; of alternatives the one that is a model."""
    for alternative in node.get("anyOf", ()):
        if "$ref" in alternative:
            node = alternative
    name = node.get("$ref", "").rpartition("/")[2]
    return dict(_schema()["$defs"][name]) if name else node


def _problems_of_other_settings(
    settings: Settings | None, others: Collection[str], secrets: Collection[str] | None
) -> Iterator[str]:
    """Passwords are secrets of their own; any other name is a misspelt section."""
    registries = settings.containerd.registries.items() if settings else ()
    passwords = {access.password_key: registry for registry, access in registries if access.username}
    if settings:
        for name in sorted(set(others) - set(passwords)):
            yield f"{name}: {_unknown(name, [*SECTIONS, *passwords])}"
    if secrets is None:
        return
    for name, registry in passwords.items():
        command = f"pulumi config set --secret {name}"
        if name not in others:
            yield f"{name}: missing, the password of image registry {registry}; set it: {command}"
        elif name not in secrets:
            yield f"{name}: in plain text; encrypt it: {command}, and change the password, which was readable"
