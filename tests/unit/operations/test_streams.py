"""Standard output of the commands: a reader that ends early, and the order of output and problem in one log."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from local.paths import REPOSITORY

LONG = "print('line\\n' * 100000)"
REFUSED = "raise StepError('a', expected='b', seen='c', next_command='d')"


def main_with(body: str, errors: int) -> subprocess.Popen[str]:
    """The main program with one command, whose `run` is a body of Python."""
    program = (
        "import sys, types\n"
        "from operations import __main__ as main\n"
        "from problem import StepError\n"
        f"def run(_):\n    print('first')\n    {body}\n"
        "module = types.SimpleNamespace(__doc__='', add_arguments=lambda _: None, run=run)\n"
        "main.COMMANDS = {'one': module}\n"
        "sys.exit(main.main(['one']))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE, stderr=errors)


@pytest.mark.parametrize(("body", "status"), [(LONG, 141), (f"{LONG}; {REFUSED}", 141), (REFUSED, 1)])
def test_a_reader_that_ends_early_sees_no_traceback(body: str, status: int) -> None:
    """As `make images STACK=shop | head` does."""
    with main_with(body, subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors
    assert process.returncode == status


def test_a_problem_is_below_the_output_in_a_log_of_both() -> None:
    """Python keeps the output of a pipe back, and its own errors not: the last line of a log of CI was the first."""
    with main_with(REFUSED, subprocess.STDOUT) as process:
        assert process.stdout
        text = process.stdout.read()
    assert text.index("first") < text.index("a: expected b")
    assert process.returncode == 1
