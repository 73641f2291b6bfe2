"""A problem: what was expected, what was seen, what to run next. The one form of it for every folder."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True)
class Problem:
    """Something that is not as it has to be, and what a person does about it.

    Attributes:
        where: the host and the step, or the object, such as `node2: containerd`.
        expected: the state that is needed.
        seen: the state that was found; may be several lines.
        next_command: what to run or change next.
    """

    where: str
    _: KW_ONLY
    expected: str
    seen: str
    next_command: str

    def __str__(self) -> str:
        """The printed form, without a newline at its end."""
        seen = self.seen.strip().replace("\n", "\n    ")
        return f"{self.where}: expected {self.expected},\n  saw {seen}\n  Next: {self.next_command}"


class StepError(Exception):
    """A step that stops because of a problem.

    Attributes:
        problem: is printed in place of a traceback.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem
