"""Every shell script of the repository is free of findings and formatted."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
SKIPPED = {".git", ".local", ".venv"}
SCRIPTS = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*.sh") if not SKIPPED.intersection(path.relative_to(ROOT).parts)
)


def findings(*command: str) -> str:
    """What a linter says about the scripts."""
    finished = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.returncode in {0, 1}, finished.stderr
    return finished.stdout + finished.stderr


def test_the_scripts_are_found() -> None:
    """Otherwise the tests below would prove nothing."""
    assert "scripts/run.sh" in SCRIPTS
    assert "scripts/parts/prepare/swap.sh" in SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    """Notes and style included."""
    assert findings("shellcheck", "--external-sources", "--source-path=scripts", script) == ""


def test_shfmt_would_change_nothing() -> None:
    """Two blanks, indented cases."""
    assert findings("shfmt", "-d", "-i", "2", "-ci", "-ln", "bash", *SCRIPTS) == ""


LONGEST_LINE = 128
ON_HOSTS = [script for script in SCRIPTS if script.startswith("scripts/")]


def too_long(text: str) -> list[str]:
    """Lines that a terminal of half a screen would wrap."""
    return [line for line in text.splitlines() if len(line) > LONGEST_LINE]


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script.startswith(("scripts/", "operations/"))])
def test_lines_are_short(script: str) -> None:
    """Whoever reads a script on a host has such a terminal."""
    assert too_long((ROOT / script).read_text()) == []
    assert too_long("x" * (LONGEST_LINE + 1))


DECISION = re.compile(
    r"\[\[ (?:(?!\]\]).)*?\$\((?!mark |<).*?\]\]|\(\([^)]*?\$\([^(].*|(?:\bcase|\bin|<<<) ?\"?\$\(.*"
    r"|\b(?:printf|echo|remember) [^\n]*?\$\([^(<].*",
    re.DOTALL,
)
"""A failure in the substitution is not seen: a condition, words of a loop, text of a here string, what is written."""


def unseen_failures(text: str) -> list[str]:
    """First lines of decisions on the output of a command whose status nobody reads. A missing mark is no failure."""
    code = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE)
    return [found[0].splitlines()[0] for found in DECISION.finditer(code)]


@pytest.mark.parametrize("script", ON_HOSTS)
def test_an_answer_is_assigned_before_it_decides(script: str) -> None:
    """An assignment fails with its command; a command that fails inside of a condition reads as an empty answer."""
    assert unseen_failures((ROOT / script).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "[[ $(kubectl get node x) == y ]] || return 0",
        'if [[ -n $(mark x) && "a" == $(kubectl get node \\\n  --output x) ]]; then',
        "for file in $(find /etc); do",
        'grep x <<<"$(gpg --show-keys)"',
        "case $(uname) in",
        "((1 < $(wc -l <file)))",
        'printf "%s\\n" "$(mark owner)" >about',
        'remember x "$(sha256sum <file)"',
    ],
)
def test_a_decision_without_an_assignment_is_found(line: str) -> None:
    """Otherwise the test above would prove nothing."""
    assert unseen_failures(line)
    assert not unseen_failures('x=$(kubectl get node x)\n[[ $(mark x) == "$x" ]] && y=$((1 + 2)) # [[ $(a) ]]')


WATCH = re.compile(r"(?<![\"\w])kubectl (?:\S+ )*?(?:drain|rollout status) ")
"""A limit of each request would end them."""
PAST_THE_FUNCTION = re.compile(r"\b(?:command|exec|env|xargs|timeout)\b.* kubectl ")
CLOCK = re.compile(r"\bSECONDS\b")


def unlimited(text: str) -> list[str]:
    """Calls of kubectl past the function that limits its requests, and time limits by a clock that may be set."""
    code = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        line
        for line in code.splitlines()
        if CLOCK.search(line)
        or (WATCH.search(line) and "timeout --foreground" not in line)
        or (PAST_THE_FUNCTION.search(line) and not WATCH.search(line) and "--request-timeout=" not in line)
    ]


@pytest.mark.parametrize("script", ON_HOSTS)
def test_no_call_of_the_api_and_no_wait_is_without_a_limit(script: str) -> None:
    """That a step of the clock does not change."""
    assert unlimited((ROOT / script).read_text()) == []


@pytest.mark.parametrize(
    "line", ["command kubectl get x", "xargs kubectl delete x", "kubectl -n x drain y", "a=$SECONDS", "((SECONDS > 1))"]
)
def test_a_call_without_a_limit_is_found(line: str) -> None:
    """Otherwise the test above would prove nothing."""
    assert unlimited(line)
    assert not unlimited("kubectl get x; wait_for $ANSWER_SECONDS")


@pytest.mark.parametrize("script", ON_HOSTS)
def test_no_file_is_the_output_of_a_command_whose_failure_nobody_sees(script: str) -> None:
    """bash hands on no status of a process substitution."""
    assert re.findall(r"(?<!<)[<>]\([^(].*", (ROOT / script).read_text()) == []


@pytest.mark.parametrize("script", [script for script in ON_HOSTS if script.startswith("scripts/steps/")])
def test_the_last_line_of_a_step_says_that_it_is_done(script: str) -> None:
    """And no line before it, but where the step ends there."""
    lines = (ROOT / script).read_text().splitlines()
    assert lines[-1] == "step_is_done"
    for line, following in itertools.pairwise(lines):
        assert (line.strip() == "step_is_done") == (following.strip() == "exit 0"), line
