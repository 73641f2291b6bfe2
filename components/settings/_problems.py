"""Validation errors of pydantic as problems of a stack file: path in the file, allowed values, found value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components.settings import Settings
from components.settings._patterns import WORDS

WANTED = {
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "tuple_type": "a list",
    "string_type": "text; a number or a word such as yes becomes text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "the path of a file",
    "ip_v4_address": "an IPv4 address, such as 192.0.2.11",
    "ip_v4_network": "an IPv4 network as its first address and its length, such as 10.244.0.0/16",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "a list of at least {min_length}",
    "string_too_long": "at most {max_length} characters",
}
"""Allowed values by pydantic's type of an error; https://docs.pydantic.dev/latest/errors/validation_errors/."""
WORDS_OF_OUR_OWN = "value_error"
USER_INFO = re.compile(r"(://|^['\"]).*@")
"""User and password, which may stand before the host in the address of a server, or of an image."""


def problems_of(error: ValidationError, raw: Mapping[str, Any]) -> list[str]:
    """A line for each wrong place of the file."""
    texts: dict[str, dict[str, None]] = {}
    shown: dict[str, str] = {}
    for details in error.errors():
        if _counts_invalid_items(details):
            continue
        path = _path(details, raw)
        place = _place(path)
        if details["type"] == "extra_forbidden":
            text = unknown_key(str(path[-1]), known_keys(path[:-1]))
        else:
            text = _wanted(details, path)
        texts.setdefault(place, {})[text] = None
        shown[place] = _found(details)
    # The name of a host is its key in the file, and the problem of the key is listed already.
    hosts = raw.get("hosts")
    keys = hosts if isinstance(hosts, Mapping) else ()
    names = {_place(["hosts", name, "name"]) for name in keys if _place(["hosts", name]) in texts}
    return [
        f"{place}: {' or '.join(wanted).replace(' or expected ', ' or ')}{shown[place]}"
        for place, wanted in texts.items()
        if place not in names
    ]


def _counts_invalid_items(details: ErrorDetails) -> bool:
    """True for a list that pydantic finds too short because an item, which has a problem of its own, does not count."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _place(path: Sequence[int | str]) -> str:
    """A path as an error shows it: a key may hold a password too, or characters that a terminal would obey."""
    parts = (re.sub(r".*@", "[hidden]@", str(part), flags=re.DOTALL) for part in path)
    return ".".join(part if part.isprintable() else repr(part)[1:-1] for part in parts)


def _path(details: ErrorDetails, raw: Mapping[str, Any]) -> list[int | str]:
    """Keys of the file that lead to the place, without the type names that pydantic adds."""
    node: Any = raw
    path: list[int | str] = []
    for part in details["loc"]:
        is_key = isinstance(node, Mapping) and part in node
        is_index = isinstance(node, list | tuple) and isinstance(part, int) and part < len(node)
        if not (is_key or is_index):
            return [*path, part] if details["type"] == "missing" else path
        node = node[part]
        path.append(part)
    return path


def _wanted(details: ErrorDetails, path: Sequence[int | str]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return "missing"
    if kind == WORDS_OF_OUR_OWN:
        return details["msg"].removeprefix("Value error, ")
    words = WORDS.get(context.get("pattern", "")) or WANTED.get(kind, details["msg"]).format(**context)
    is_number = kind == "string_type" and isinstance(details["input"], int | float)
    of_text = _words_of(path) if is_number else None
    return f"expected {f'{of_text}, as {words}' if of_text else words}"


def _words_of(path: Sequence[int | str]) -> str | None:
    """Words of the pattern of a text, so that the text that a number becomes in quotes is not refused once more."""
    node = _schema()
    for part in path:
        node = _inner(node, part)
    patterns = [each.get("pattern", "") for each in (node, *node.get("anyOf", ()))]
    return next((WORDS[pattern] for pattern in patterns if pattern in WORDS), None)


def _found(details: ErrorDetails) -> str:
    """The found value; never the value of an unknown key, which may be a misplaced password."""
    is_complete = details["type"] in {"missing", "extra_forbidden"} or isinstance(details["input"], dict)
    shown = USER_INFO.sub(r"\1[hidden]@", repr(details["input"]))
    return "" if is_complete else f", found {shown}"


def unknown_key(name: str, known: Collection[str]) -> str:
    """The text for an unknown key, with the nearest known key."""
    near = nearest(name, known)
    hint = f"did you mean `{near}`?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
    return f"unknown key; {hint}"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known key that is nearest to a misspelt key, in any case of letters; None without a similar key."""
    folded = {key.lower(): key for key in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    return folded[close[0]] if close else None


@cache
def _schema() -> dict[str, Any]:
    return Settings.model_json_schema()


def known_keys(path: Sequence[int | str]) -> list[str]:
    """The keys that a stack file may have at a place."""
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
    """The target of a reference, or the model among alternatives."""
    for alternative in node.get("anyOf", ()):
        if "$ref" in alternative:
            node = alternative
    name = node.get("$ref", "").rpartition("/")[2]
    return dict(_schema()["$defs"][name]) if name else node
