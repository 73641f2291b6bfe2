"""What happens on a host when one of its files changes: a table beside each renderer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """What a change of a file, or its removal, does to a host.

    Attributes:
        path: of the file, or of a directory with `/` at its end, for all files below it.
        text: for the plan.
        shown: path for the plan, where a host reads the file under another name.
    """

    path: str
    text: str
    shown: str | None = None

    def covers(self, path: str) -> bool:
        """Whether a file has this effect."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path
