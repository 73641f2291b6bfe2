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
        comes: text where the host did not have the file, if that has another effect.
        goes: text where the host has the file no more, likewise.
    """

    path: str
    text: str
    shown: str | None = None
    comes: str | None = None
    goes: str | None = None

    def line(self, path: str, *, was_there: bool, is_there: bool) -> str:
        """The path of a file that differs, and the effect."""
        name = self.shown or path
        if self.comes and not was_there:
            return f"{name} comes: {self.comes}"
        if self.goes and not is_there:
            return f"{name} goes: {self.goes}"
        return f"{name} changes: {self.text}"

    def covers(self, path: str) -> bool:
        """True where the file at the path has this effect."""
        return path.startswith(self.path) if self.path.endswith("/") else path == self.path
