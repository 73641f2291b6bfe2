"""Other programs: Ctrl-C does not reach those that may not be cut short, and a failure is no answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local import commands
from local.commands import answers_yes, run
from problem import StepError


def test_a_program_that_runs_to_its_end_is_waited_for_when_the_run_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt is raised when the program has ended."""
    monkeypatch.setattr(commands, "LOGS", tmp_path)
    began, ended = tmp_path / "began", tmp_path / "ended"
    touch = "import pathlib, sys, time; [(pathlib.Path(path).touch(), time.sleep(0.5)) for path in sys.argv[1:]]"

    def press_ctrl_c() -> None:
        while not began.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressed = threading.Thread(target=press_ctrl_c)
    pressed.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run([sys.executable, "-c", touch, began, ended], step="wait", log="wait", to_its_end=True)
    finally:
        pressed.join()
        signal.signal(signal.SIGINT, before)
    assert ended.exists()


def test_a_program_that_runs_to_its_end_is_not_in_the_terminals_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the terminal's signals, or those to the group of `make`, would end it."""
    monkeypatch.setattr(commands, "LOGS", tmp_path)
    program = "import os; print(os.getsid(0) == os.getpid())"
    assert run([sys.executable, "-c", program], step="look", log="look", to_its_end=True) == "True\n"


def test_an_older_python_ends_with_the_version_that_is_needed() -> None:
    """Before it installs anything that another module would fail with."""
    program = "import sys; sys.version_info = (3, 10, 12, 'final', 0); import local"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "expected Python 3.11 or newer" in finished.stderr
    assert "PYTHON=python3.11" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(("status", "answer"), [(0, True), (1, False)])
def test_the_answer_of_a_program_is_its_status(status: int, answer: bool) -> None:
    """Yes and no."""
    assert answers_yes(["sh", "-c", f"exit {status}"], step="look") is answer


@pytest.mark.parametrize("program", [["sh", "-c", "echo locked >&2; exit 125"], ["no-such-program"]])
def test_no_answer_is_no_answer(program: list[str]) -> None:
    """A failed look ends the run and shows the error of the program."""
    with pytest.raises(StepError, match=r"locked|no-such-program"):
        answers_yes(program, step="look")
