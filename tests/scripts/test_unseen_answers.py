"""A function that decides something ends where a command does not answer.

bash ignores a failed command in a function that is called in a condition, and in what such a function calls: `set -e`
ends nothing there, nor in `x=$(function) || ...`. So each assignment of an answer there says what a failure is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.scripts.contract import LIBRARIES, PARTS, STEPS

COMMENT = re.compile(r"^\s*#.*|\s#[^'\"\n]*$", re.MULTILINE)
CODE = [COMMENT.sub("", script.text).replace("\\\n", " ") for script in (*LIBRARIES, *PARTS, *STEPS)]
FUNCTION = re.compile(r"^([a-z_]+)\(\) (\{[^\n]*\}|\{\n.*?^\})", re.MULTILINE | re.DOTALL)
CALLERS = re.compile(r"\b(?:comes_true|wait_for|ask|hear)\b.*")
"""What runs a command in a condition: the name of the command is an argument."""
CONDITIONS = re.compile(
    r"\b(?:if|elif|while|until)\b (.*?)(?:; (?:then|do)\b|$)|! (\S.*)|(.*?)(?:&&|\|\|)", re.MULTILINE
)
COMMAND = re.compile(
    r"(?:^|[;({|&!]|\$\(|\b(?:if|elif|then|else|do|while|until)\b)\s*([a-z_]+)\b(?![=(-])", re.MULTILINE
)
ASSIGNMENT = re.compile(r"\b[A-Za-z_]+(?:\[[^\]]*\])?\+?=\$\((?!\()")
NO_PROGRAM = re.compile(r"(?:mark|printf|dirname) |<|[^\n]*<<<")
"""A missing mark is no failure, and a filter of a text that the shell has reads nothing."""


def functions_of(code: str) -> Mapping[str, str]:
    """Body of each function, by name; of functions with one name all of them."""
    found: dict[str, str] = {}
    for name, body in FUNCTION.findall(code):
        found[name] = f"{found.get(name, '')}{body.strip('{}')}\n"
    return found


def commands_in(text: str) -> set[str]:
    """Words where a command stands, and arguments of what runs a command."""
    return {*COMMAND.findall(text), *(word for line in CALLERS.findall(text) for word in line.split())}


def deciding(code: str, functions: Mapping[str, str]) -> set[str]:
    """Functions that run in a condition, or below a function that does."""
    conditions = [part for found in CONDITIONS.findall(code) for part in found] + CALLERS.findall(code)
    new, found = commands_in("\n".join(conditions)) & functions.keys(), set[str]()
    while new:
        found |= new
        new = (set[str]().union(*(commands_in(functions[name]) for name in new)) & functions.keys()) - found
    return found


def unseen(body: str) -> Iterator[str]:
    """Assignments of an answer in a function, behind which it goes on whether the command failed or not."""
    for found in ASSIGNMENT.finditer(body):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(body[end], 0)
            end += 1
        line = body[body.rfind("\n", 0, found.start()) + 1 : found.start()]
        is_condition = re.search(r"\b(?:if|elif|while|until)\b|&& $", line)
        is_last = not body[end:].strip(" ;\n")
        is_handled = re.match(r"[^\n;]*?(?:\|\||&&)", body[end:])
        if not (is_condition or is_last or is_handled or NO_PROGRAM.match(body[found.end() :])):
            yield body[found.start() : end].splitlines()[0]


def findings(code: str) -> list[str]:
    """Assignments of the kind, each with its function."""
    functions = functions_of(code)
    return [f"{name}: {line}" for name in sorted(deciding(code, functions)) for line in unseen(functions[name])]


def test_no_function_decides_by_an_answer_that_failed() -> None:
    """It returns the failure: a caller asks again, or takes no answer for none."""
    assert findings("\n".join(CODE)) == []


@pytest.mark.parametrize(
    "call",
    ["if f; then", "f || return 0", "wait_for 5 x f", "! f", "x=$(f) || x=", "until f; do", "g() { f; }\ng && h"],
)
def test_a_failure_that_a_condition_hides_is_found(call: str) -> None:
    """Otherwise the test above would prove nothing."""
    assert findings(f"f() {{\n  local x\n  x=$(systemctl show y)\n  [[ -n $x ]]\n}}\n{call}\n") == [
        "f: x=$(systemctl show y)"
    ]
    assert not findings(f"f() {{\n  local x\n  x=$(systemctl show y) || return 1\n  [[ -n $x ]]\n}}\n{call}\n")


def test_what_ends_its_step_by_itself_is_no_finding() -> None:
    """`set -e` holds where no condition is."""
    assert not findings("f() {\n  x=$(systemctl show y)\n  [[ -n $x ]]\n}\nf\nx=$(f)\n")
