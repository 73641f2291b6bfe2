"""A preview as the Markdown of a pull request comment: the plan in words first, every line below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from operations.preview._differences import shortened
from operations.preview._preview import Preview
from problem import printable

LIMIT = 65536
"""The most characters that GitHub accepts in a comment. This module counts bytes, which are never fewer."""

MARK = {"~": "!"}
"""Signs that colour a line in a fenced block of type `diff`, by sign of an operation of Pulumi, but for + and -."""

OPERATIONS = {"same": "unchanged", "create": "to create", "update": "to update", "delete": "to delete"}

HEADING = re.compile(r"^(\s*)([-+~]{1,2}) (\S+: \([a-z-]+\))")
"""First line of a resource in Pulumi's text. Further lines may hold YAML, whose hyphens are no signs of operations."""

PROVIDER = re.compile(r"^\s+\[provider=.*\]$")
"""Lines that name the plugin of a resource, which are longer than all others."""


@dataclass(frozen=True)
class Comparison:
    """The base of a comparison, and its outcome.

    Attributes:
        base: the base, as a sentence.
        outcome: the outcome, in a few words.
        changed: the differences, as a diff; empty without differences, and for an empty state, of which every line
            would be a difference.
    """

    base: str
    outcome: str
    changed: str


def counted(changes: Mapping[str, int]) -> str:
    """Numbers of resources by operation, in words."""
    found = {operation: number for operation, number in changes.items() if number}
    if set(found) <= {"same"}:
        return "nothing changes"
    ordered = sorted(found, key=lambda operation: operation == "same")
    return ", ".join(f"{found[each]} {OPERATIONS.get(each, each)}" for each in ordered)


def marker(stack: str) -> str:
    """First line of a stack's comment, which identifies the comment. GitHub does not display it."""
    return f"<!-- preview of stack {stack} -->"


def comment(stack: str, preview: Preview, comparison: Comparison, *, limit: int = LIMIT) -> str:
    """The whole comment, at most `limit` bytes long.

    Args:
        stack: name of the stack.
        preview: the result of the preview.
        comparison: base and outcome of the comparison.
        limit: number of bytes; the comment says how many lines are left out.
    """
    outcome = "it failed" if preview.errors else comparison.outcome
    parts = [marker(stack), f"### Preview of `{stack}`: {outcome}", comparison.base]
    if preview.errors:
        parts.append(_fenced("\n\n".join(preview.errors), "text", limit // 4))
    if preview.plan:
        parts.append(_fenced(preview.plan, "text", limit // 4))
    if comparison.changed:
        parts.append(
            _folded("What changes, line by line", comparison.changed, _left(parts, limit) * 3 // 4, is_open=True)
        )
    parts.append(_folded("All that Pulumi says", _coloured(preview.diff), _left(parts, limit)))
    return "\n\n".join(parts) + "\n"


def _left(parts: list[str], limit: int) -> int:
    return limit - 10 - len("\n\n".join(parts).encode())


def _folded(title: str, text: str, room: int, *, is_open: bool = False) -> str:
    start = f"<details{' open' if is_open else ''}><summary>{title}</summary>\n\n"
    end = "\n\n</details>"
    return start + _fenced(text, "diff", room - len(start) - len(end)) + end


def _fenced(text: str, kind: str, room: int) -> str:
    """A fenced block that no text can end early, cut at a line if it would not fit, and then saying so."""
    text = printable(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = text.strip("\n").splitlines()
    kept, used = [], 2 * len(fence) + len(kind) + 200  # a few line breaks, and the sentence below
    for line in lines:
        used += len(line.encode()) + 1
        if used > room:
            break
        kept.append(line)
    cut = len(lines) - len(kept)
    note = f"\n\n{cut} more lines do not fit here; the log of the job has them all." if cut else ""
    return "\n".join([f"{fence}{kind}", *kept, fence]) + note


def _coloured(diff: str) -> str:
    """Pulumi's text with the signs of resources in the first column, where GitHub colours them; no long lines."""
    lines = [line for line in diff.splitlines() if not PROVIDER.match(line)]
    return "\n".join(HEADING.sub(_moved, shortened(line)) for line in lines)


def _moved(match: re.Match[str]) -> str:
    space, signs, heading = match.groups()
    return f"{MARK.get(signs[0], signs[0])}{space}{signs[1:]} {heading}"
