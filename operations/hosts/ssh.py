"""SSH connections to hosts of a stack, whose failures become problems."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from components.settings import Host, Ssh
from components.steps import ssh as connection
from components.steps.ssh import Answer
from problem import Problem, StepError

T = TypeVar("T")

CONNECT_SECONDS = 10
CONNECTIONS_AT_ONCE = 16

EXPLAINED = re.compile(
    r"^(?P<where>\S+: \w+): expected (?P<expected>.+?),\n  saw (?P<seen>.*?)\n  Next: (?P<next_command>[^\n]*)",
    re.MULTILINE | re.DOTALL,
)
"""A problem as scripts print it: `explain` in scripts/lib/lib.sh."""


def run_as_root(host: Host, ssh: Ssh, text: str) -> Answer:
    """The answer of bash that root runs on a host.

    Raises:
        StepError: the host does not let us in, or the script failed.
    """
    answer = _finished(connection.run_as_root(host, _once(ssh), text))
    if answer.status != 0:
        raise StepError.of(_problem(host, ssh, answer))
    return answer


def on_each(hosts: Sequence[Host], work: Callable[[Host], T]) -> Iterator[tuple[Host, T | Problem]]:
    """The result of work on each host, in their order, or the problem that ended it; on many hosts at once."""

    def result(host: Host) -> T | Problem:
        try:
            return work(host)
        except StepError as error:
            return error.problem

    with ThreadPoolExecutor(CONNECTIONS_AT_ONCE) as pool:
        yield from zip(hosts, pool.map(result, hosts), strict=True)


def silence_of(host: Host, ssh: Ssh) -> str:
    """The error in place of the greeting of a host's SSH server; empty after a greeting. The host gets no login."""
    return _finished(connection.silence_of(host, _once(ssh)))


def _once(ssh: Ssh) -> Ssh:
    """Settings for a single attempt: a person waits for the answer, and can run the command again."""
    return ssh.model_copy(update={"dial_error_limit": 1, "per_dial_timeout": CONNECT_SECONDS})


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    # asyncio.run would leave this thread without the event loop that the SDK of Pulumi looks for.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def _problem(host: Host, ssh: Ssh, answer: Answer) -> Problem:
    """The problem that the script printed, or that of the connection."""
    step = f"{host.name}: run a script over SSH"
    if answer.log.endswith(connection.CUT_OFF):
        return Problem(
            step,
            expected="the whole answer of the script",
            seen=connection.CUT_OFF,
            next_command="again; if it says so again: `!log_output` for the login in sudoers, docs/security.md",
        )
    found = EXPLAINED.search(answer.log) if answer.log.count("\n  Next: ") == 1 else None
    if found and found["where"].startswith(f"{host.name}: "):
        return Problem(**{name: text.replace("\n    ", "\n") for name, text in found.groupdict().items()})
    if answer.log == connection.NO_SSH_TEXT:  # a machine without sudo has the same exit status
        next_command = "apt-get install openssh-client"
        return Problem(step, expected="the program ssh", seen="none in PATH", next_command=next_command)
    return Problem(
        step,
        expected="the script to succeed",
        seen=answer.log or f"exit status {answer.status}",
        next_command=f"{connection.login_command(host, ssh)} sudo -n true",
    )
