"""Differences between two previews of one stack, resource by resource and line by line."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from operations.stack.stacks import SIGNATURE

LONGEST_LINE = 160
"""The most characters of a line that are shown."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any], touched: Collection[str] = ()) -> str:
    """Resources that are added, removed or changed, as a diff; empty where there are none.

    Args:
        before: inputs by URN.
        after: likewise.
        touched: URNs of resources that change, also where their visible inputs are equal.
    """
    return "\n".join(line for urn in sorted({*before, *after}) for line in _of_resource(urn, before, after, touched))


def _of_resource(
    urn: str, before: Mapping[str, Any], after: Mapping[str, Any], touched: Collection[str]
) -> Iterator[str]:
    kind, _, name = urn.split("::", 2)[-1].rpartition("$")[2].partition("::")
    title = f"{name}  ({kind})"
    if urn not in after:
        yield f"--- {title} is deleted"
    elif urn not in before:
        yield f"+++ {title} is new"
        yield from (f"+    {line}" for line in _lines(after[urn]))
    elif before[urn] != after[urn]:
        yield f"!!! {title} changes"
        compared = difflib.unified_diff(_lines(before[urn]), _lines(after[urn]), n=2, lineterm="")
        for line in list(compared)[2:]:
            yield line if line.startswith("@@") else f"{line[0]}    {line[1:]}"
    elif urn in touched:
        yield f"!!! {title} changes: a secret, or what is only known later"


def _lines(inputs: Any) -> list[str]:
    return [shortened(line) for line in _rendered(inputs, "")]


def _rendered(node: Any, indent: str) -> Iterator[str]:
    """Lines of YAML, with texts of several lines unquoted, so that a comparison sees each of these lines."""
    if isinstance(node, dict):
        for key, value in sorted(node.items()):
            yield from _entry(f"{indent}{key}:", value, indent)
    else:
        for value in node:
            yield from _entry(f"{indent}-", value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and SIGNATURE in value:
        yield f"{start} [secret]"
    elif isinstance(value, dict | list) and value:
        yield start
        yield from _rendered(value, f"{indent}  ")
    elif isinstance(value, str):
        first, *others = value.splitlines() or [""]
        yield from (
            [f"{start} |", *(f"{indent}  {line}" for line in (first, *others))] if others else [f"{start} {first}"]
        )
    else:
        yield f"{start} {json.dumps(value)}"


def shortened(line: str) -> str:
    """A line, cut if it is too long. A digest then distinguishes two lines that begin alike."""
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[:LONGEST_LINE]} ... ({len(line)} characters, {hashlib.sha256(line.encode()).hexdigest()[:8]})"
