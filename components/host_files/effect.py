"""The effect of a changed file on a host: a table beside each renderer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effect:
    """The effect of a changed or removed file on a host.

    Attributes:
        path: path of the file; a path that ends with `/` covers all files below the directory.
        text: text of the effect in the plan.
        shown: path in the plan, if a host reads the file under another name.
    """

    path: str
    text: str
    shown: str | None = None

    def covers(self, path: str) -> bool:
        """True where the file at the path has this effect."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path
