"""A file of a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file that a step may put in place on a host.

    Attributes:
        path: absolute.
        mode: octal digits.
    """

    path: str
    content: str
    mode: str = "0644"
