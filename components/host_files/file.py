"""The content and mode of a file on a host."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class File:
    """A file that a step may put in place on a host.

    Attributes:
        path: absolute path.
        mode: permissions in octal digits.
    """

    path: str
    content: str = field(repr=False)
    mode: str = "0644"
