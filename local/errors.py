"""Failures a person can act on."""

from __future__ import annotations


class StepError(Exception):
    """Something is not as a step needs it.

    Attributes:
        step: what was being done, with the name of the host where there is one.
        expected: the state the step needs.
        seen: the state that was found; may be several lines.
        next_command: what to run or change next.
    """

    def __init__(self, step: str, *, expected: str, seen: str, next_command: str) -> None:
        super().__init__(step)
        self.step = step
        self.expected = expected
        self.seen = seen
        self.next_command = next_command

    def __str__(self) -> str:
        seen = self.seen.strip().replace("\n", "\n    ")
        return f"{self.step}: expected {self.expected},\n  saw {seen}\n  Next: {self.next_command}"
