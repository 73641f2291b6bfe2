"""Numbers among the values of a chart: Helm reads each as a float of 64 bits, and templates write it as Go does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from components.addons.manifests import Manifest, object_name

ALL_IN_DIGITS = range(-4, 6)
"""Powers of ten of the numbers that Go writes without an exponent."""


def altered_numbers(values: Any, objects: list[Manifest]) -> Iterator[str]:
    """Descriptions of numbers that Helm changes, or writes with an exponent into a text of an object."""
    yield from (f"{large}, which Helm takes for {as_float(large):.0f}" for large in large_numbers(values))
    for number in _numbers(values):
        written = _as_go_writes(number)
        for each in objects if "e" in written else ():
            if any(_has(text, written) for text in _texts(each)):
                yield f"{number} as {written} in {object_name(each)}"


def large_numbers(node: Any) -> Iterator[int]:
    """Whole numbers with more digits than a float has, as which Helm and the engine take each number."""
    yield from (each for each in _numbers(node) if isinstance(each, int) and Decimal(as_float(each)) != each)


def as_float(number: float) -> float:
    """The float of 64 bits that Helm and the engine make of a number: infinite, where its range has no such number."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _as_go_writes(number: float) -> str:
    """A number as templates write it: 1000000 is 1e+06."""
    shortest = Decimal(repr(as_float(number))).normalize()
    power = shortest.adjusted()
    if power in ALL_IN_DIGITS or not number:
        return str(number)
    first, *others = map(str, shortest.as_tuple().digits)
    fraction = f".{''.join(others)}" if others else ""
    return f"{'-' if number < 0 else ''}{first}{fraction}e{power:+03d}"


def _has(text: str, written: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(written)}(?![\w.])", text) is not None


def _numbers(node: Any) -> Iterator[float]:
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _numbers(each)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield node


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _texts(each)
    elif isinstance(node, str):
        yield node
