"""A bundle that a person gives, and the error for a bundle that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operations.stack.commands import StackCommands
from problem import StepError


@dataclass(frozen=True)
class Bundle:
    """A file that a person gives, for a stack.

    Attributes:
        path: the file.
        key: file with the private key for which the bundle is encrypted.
        commands: commands of the stack.
    """

    path: Path
    key: Path | None
    commands: StackCommands

    @property
    def another(self) -> str:
        """Advice to run the command with another bundle."""
        return f"{self.commands.restore('FILE', str(self.key) if self.key else None)}, another bundle"

    def refusal(self, expected: str, seen: str, next_command: str = "") -> StepError:
        """The error for this bundle; by default the next command is that with another bundle."""
        step = f"read the bundle {self.path}"
        return StepError(step, expected=expected, seen=seen, next_command=next_command or self.another)
