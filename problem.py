"""A problem: what was expected, what was seen, what to run next. The one form of it for every folder."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import KW_ONLY, dataclass

UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of Unicode whose characters a terminal obeys: controls, directions, line separators."""

COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)
"""Begins a command to the runner of a job, such as `::add-mask::`: ActionCommand.cs of actions/runner."""


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
        where, expected, seen, next_command = (
            printable(text.strip()).replace("\n", "\n    ")
            for text in (self.where, self.expected, self.seen, self.next_command)
        )
        return f"{where}: expected {expected},\n  saw {seen}\n  Next: {next_command}"


def printable(text: str) -> str:
    """Text of a host or a cluster for a terminal, a job's log or its summary: nothing that reads it obeys it."""
    lines = text.replace("\r\n", "\n")
    shown = "".join(
        each if each in "\n\t" or unicodedata.category(each) not in UNPRINTABLE else "\N{REPLACEMENT CHARACTER}"
        for each in lines
    )
    return COMMAND.sub(lambda match: f"{match[1] or ''}{match[0][-1]} ", shown)


class StepError(Exception):
    """A step that stops because of a problem.

    Attributes:
        problem: is printed in place of a traceback.
    """

    def __init__(self, where: str, *, expected: str, seen: str, next_command: str) -> None:
        self.problem = Problem(where, expected=expected, seen=seen, next_command=next_command)
        super().__init__(self.problem)

    @classmethod
    def of(cls, problem: Problem) -> StepError:
        """The error of a problem that was found before."""
        return cls(problem.where, expected=problem.expected, seen=problem.seen, next_command=problem.next_command)
