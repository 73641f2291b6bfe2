"""Other programs: a failure names the program, its last lines, and its log."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from local.paths import LOGS
from problem import StepError

TAIL_LINES = 15


def run(
    arguments: Sequence[str | Path],
    *,
    step: str,
    log: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    standard_input: str | None = None,
    to_its_end: bool = False,
) -> str:
    """Run a program and return its standard output; its error output is appended to a log file.

    Args:
        arguments: program and arguments; no shell parses them.
        step: name of the step in the error.
        log: name of the file under `.local/logs`, without its ending.
        environment: the whole environment of the program; None passes the environment of this process.
        to_its_end: an interrupted run waits for the program, and the signal does not reach it.

    Raises:
        StepError: the program is missing or ended with another status than 0.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    command = shlex.join(str(argument) for argument in arguments)
    with path.open("a") as error_output:
        error_output.write(f"$ {command}\n")
        error_output.flush()
        start = partial(
            subprocess.run,
            [str(argument) for argument in arguments],
            cwd=cwd,
            env=environment,
            input=standard_input,
            stdin=subprocess.DEVNULL if standard_input is None else None,
            stdout=subprocess.PIPE,
            stderr=error_output,
            text=True,
            check=False,
            start_new_session=to_its_end,
        )
        try:
            finished = _waited_for(start) if to_its_end else start()
        except FileNotFoundError as error:
            raise _missing(arguments[0], step, error) from error
    if finished.returncode == 0:
        return finished.stdout
    tail = "\n".join(path.read_text(errors="replace").splitlines()[-TAIL_LINES:])
    seen = f"exit status {finished.returncode}:\n{tail}\n{finished.stdout[-2000:]}".strip()
    raise StepError(step, expected=f"`{command[:200]}` to succeed", seen=seen, next_command=f"less {path}")


def _missing(program: str | Path, step: str, error: FileNotFoundError) -> StepError:
    return StepError(step, expected=f"the program {program}", seen=str(error), next_command="make up installs it")


def _waited_for(start: Callable[[], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """The result of a program. In the main thread subprocess.run would kill the program a moment after Ctrl-C."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(start).result()


def answers_yes(arguments: Sequence[str | Path], *, step: str) -> bool:
    """The answer of a program that ends with status 0 for yes and 1 for no.

    Args:
        arguments: program and arguments; no shell parses them.
        step: name of the step in the error.

    Raises:
        StepError: the program is missing, or ended with another status. No answer is no answer.
    """
    command = shlex.join(str(argument) for argument in arguments)
    try:
        finished = subprocess.run([str(each) for each in arguments], capture_output=True, check=False, text=True)
        seen = f"exit status {finished.returncode}: {finished.stderr[-2000:].strip()}"
    except FileNotFoundError as error:
        raise _missing(arguments[0], step, error) from error
    if finished.returncode not in {0, 1}:
        raise StepError(step, expected=f"`{command}` to end with status 0 or 1", seen=seen, next_command=command)
    return finished.returncode == 0


def succeeds(arguments: Sequence[str | Path]) -> bool:
    """True where a program exists and ends with status 0; its output is dropped.

    A failure has many causes: whoever decides by the answer of a program calls `answers_yes`.
    """
    try:
        return subprocess.run([str(a) for a in arguments], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
