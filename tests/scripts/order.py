"""Names that a step uses before their definition: a step is read line by line, through the files that it sources."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.scripts.contract import (
    ARITHMETIC,
    CALL,
    LIBRARIES,
    LOOP,
    NAME,
    OF_EVERY_RUN,
    PART_OF_OTHER_ROLE,
    PARTS,
    READ,
    SET,
    SOURCE,
    Script,
)

DEFINITION = re.compile(r"^([a-z_0-9]+)\(\) (.*(?:[^{(]|\{\})$|[{(]\n(?:.*\n)*?[})].*$)|^.+$", re.MULTILINE)
"""A function with its body, which ends on the same line or at the beginning of another one, or any other line."""


@dataclass
class Follower:
    """The names that are there, and those that were missed.

    Attributes:
        skipped: path of the file that a host of this role does not source.
        missed: file, and name of a function or a constant that no line before has.
    """

    skipped: str
    missed: set[tuple[str, str]] = field(default_factory=set)
    _functions: dict[str, str] = field(default_factory=dict)
    _constants: set[str] = field(default_factory=set)

    def follow(self, script: Script) -> None:
        """Read a file: later lines may use the names that it defines."""
        if script.path == self.skipped:
            return
        for found in DEFINITION.finditer(script.code):
            sourced = SOURCE.search(found[0])
            if found[1]:
                self._functions[found[1]] = found[2]
            elif sourced:
                for each in sources(script, sourced[1]):
                    self.follow(each)
                continue
            else:
                self._use(found[0], script.path, set())
            self._constants |= set(SET.findall(found[0]))

    def _use(self, text: str, path: str, seen: set[str]) -> None:
        read = {name for inside in ARITHMETIC.findall(text) for name in NAME.findall(inside)} | set(READ.findall(text))
        self.missed |= {(path, name) for name in read & CONSTANTS - self._constants}
        called = {first or second for first, second in CALL.findall(text)} - seen
        for word in called & (FUNCTIONS | self._functions.keys()):
            seen.add(word)
            if word in self._functions:
                self._use(self._functions[word], path, seen)
            else:
                self.missed.add((path, word))


def sources(script: Script, path: str) -> list[Script]:
    """The files that a line sources, perhaps in a loop over parts."""
    parts = LOOP.search(script.code)
    names = parts[1].replace("\\", " ").split() if parts and "$part" in path else [""]
    return [Script(path.replace("$part", name)) for name in names]


FUNCTIONS = {name for script in [*LIBRARIES, *PARTS] for name in script.functions}
CONSTANTS = {name for script in [*LIBRARIES, *PARTS] for name in script.sets} - OF_EVERY_RUN


def missed_by(step: Script, role: str) -> set[tuple[str, str]]:
    """Names that a step uses too early on a host of a role."""
    follower = Follower(PART_OF_OTHER_ROLE[role])
    follower.follow(step)
    return follower.missed
