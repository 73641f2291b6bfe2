"""The content and mode of a file on a host."""

from __future__ import annotations

import hashlib
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

    @property
    def digest(self) -> str:
        """The first 32 hexadecimal digits of the SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).hexdigest()[:32]
