"""What a command of the real provider, 1.2.1, does: the substitute has to do the same.

COMMAND_PROVIDER=/path runs these tests with another binary.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.provider.machine import Machine
from tests.provider.plugin import NAME, UNKNOWN, Plugin, ProviderError, is_secret, secret

BOTH = "echo out; echo err >&2"
STILL_WAITING_SECONDS = 4
LONG_LINE = "head --bytes=70000 /dev/zero | tr '\\0' x"


def inputs(there: Machine, create: str = BOTH, **more: Any) -> dict[str, Any]:
    """Inputs of a command on the machine."""
    return {"connection": there.connection, "create": create, **more}


def printed(state: dict[str, Any]) -> tuple[str, str]:
    """Both streams in a state."""
    return state["stdout"], state["stderr"]


def error_of(provider: Plugin, wanted: dict[str, Any]) -> str:
    """The error of a command that fails."""
    with pytest.raises(ProviderError) as error:
        provider.create(wanted)
    return str(error.value)


def test_a_creation_records_inputs_and_output(provider: Plugin, there: Machine) -> None:
    """Under an ID that begins with the name of the resource."""
    identifier, state = provider.create(inputs(there))
    assert re.fullmatch(rf"{NAME}[0-9a-f]{{8}}", identifier)
    assert state == {**inputs(there), "stdout": "out", "stderr": "err"}


@pytest.mark.parametrize(("script", "kept"), [("a\\n", "a"), ("a\\n\\n", "a\n"), ("\\na\\r\\n", "\na\r"), ("", "")])
def test_output_loses_one_newline(provider: Plugin, there: Machine, script: str, kept: str) -> None:
    """Of each stream, at its end."""
    _, state = provider.create(inputs(there, f"printf '{script}'; printf '{script}' >&2"))
    assert printed(state) == (kept, kept)


@pytest.mark.parametrize("stdin", ["line\n", "", "two\nlines", "x" * 300_000])
def test_standard_input_arrives(provider: Plugin, there: Machine, stdin: str) -> None:
    """Whole, and then ends."""
    _, state = provider.create(inputs(there, "cat", stdin=stdin, logging="none"))
    assert state["stdout"] == stdin.removesuffix("\n")


def test_standard_input_that_nobody_reads_may_be_an_error(provider: Plugin, there: Machine) -> None:
    """Where it is larger than what the session holds.

    Between the end of the command and that of the session sshd throws the rest away; that it takes all of it is chance.
    """
    try:
        outcome: object = printed(provider.create(inputs(there, "exec true", stdin="x" * 3_000_000))[1])
    except ProviderError as error:
        outcome = str(error)
    assert outcome in {("", ""), 'EOF: running "exec true":\n'}


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo out; exit 3", 'Process exited with status 3: running "echo out; exit 3":\nout\n'),
        ("echo 'a\"b' >&2; false", 'Process exited with status 1: running "echo \'a\\"b\' >&2; false":\na"b\n'),
        ("kill -9 $$", 'Process exited with status 137 from signal KILL: running "kill -9 $$":\n'),
        (
            "kill -9 $PPID; sleep 5",
            'wait: remote command exited without exit status or exit signal: running "kill -9 $PPID; sleep 5":\n',
        ),
    ],
)
def test_a_command_that_fails_is_told_with_its_text_and_output(
    provider: Plugin, there: Machine, script: str, error: str
) -> None:
    """Also one that was cut off: sshd itself went away."""
    assert error_of(provider, inputs(there, script)) == error


@pytest.mark.parametrize(
    ("logging", "lines"),
    [
        (None, ["out", "err"]),
        ("stdoutAndStderr", ["out", "err"]),
        ("stdout", ["out"]),
        ("stderr", ["err"]),
        ("none", []),
    ],
)
def test_each_line_is_logged(provider: Plugin, there: Machine, logging: str | None, lines: list[str]) -> None:
    """For a while: the next line takes its place in a terminal."""
    chosen = {"logging": logging} if logging else {}
    provider.create(inputs(there, "echo out; sleep 0.2; echo err >&2", **chosen))
    provider.create(inputs(there, "printf 'a\\n\\nb\\r\\nlast'"))
    wanted = [*lines, "a", "", "b", "last"]
    assert provider.engine.logged(len(wanted)) == [("info", line, True) for line in wanted]


@pytest.mark.parametrize(("logging", "ends"), [("stdout", False), ("stderr", True)])
def test_a_logged_line_above_64_kib_never_ends(provider: Plugin, there: Machine, logging: str, ends: bool) -> None:
    """The line is never read to its end, so nobody takes the output any more."""
    call = provider.creating(inputs(there, LONG_LINE, logging=logging))
    assert call.ends_within(60 if ends else STILL_WAITING_SECONDS) == ends


def test_a_machine_takes_or_refuses_variables(provider: Plugin, there: Machine) -> None:
    """One that is refused is an error."""
    _, state = provider.create(inputs(there, "echo $GREETING", environment={"GREETING": "good day"}))
    assert state["stdout"] == "good day"
    refused = inputs(there, environment={"OTHER": "x"})
    assert error_of(provider, refused) == 'could not set environment variable "OTHER": ssh: setenv failed'
    severity, text, _ = provider.engine.logged(2)[-1]
    assert (severity, text.partition(".")[0]) == ("error", "Unable to set 'OTHER'")


def test_an_update_runs_update_and_without_one_create(provider: Plugin, there: Machine) -> None:
    """With the new inputs; where there is neither, the output stays."""
    old = inputs(there)
    _, state = provider.create(old)
    for new, stdout in (
        (inputs(there, "echo again"), "again"),
        (inputs(there, update="echo updated"), "updated"),
        ({"connection": there.connection}, "out"),
    ):
        after = provider.update(state, old, new)
        assert after["stdout"] == stdout
        assert {name: after[name] for name in new} == new


def test_an_update_has_the_previous_output_unless_it_is_told_not_to(provider: Plugin, there: Machine) -> None:
    """Where the machine refuses it, as it does by default, that is a warning."""
    old = inputs(there)
    _, state = provider.create(old)
    script = "echo $PULUMI_COMMAND_STDOUT $PULUMI_COMMAND_STDERR"
    assert provider.update(state, old, inputs(there, script, logging="none"))["stdout"] == "err"
    severity, text, _ = provider.engine.logged(3)[-1]
    assert (severity, text.partition(".")[0]) == ("warning", "Unable to set 'PULUMI_COMMAND_STDOUT'")
    without = inputs(there, script, logging="none", addPreviousOutputInEnv=False)
    assert provider.update(state, old, without)["stdout"] == ""
    assert len(provider.engine.logged(3)) == 3


def test_a_deletion_runs_what_the_state_has(provider: Plugin, there: Machine) -> None:
    """Over the connection that the state has."""
    old = inputs(there, delete="echo gone; exit 4")
    _, state = provider.create(old)
    with pytest.raises(ProviderError) as error:
        provider.delete(state, {**old, "delete": "true"})
    assert str(error.value) == 'Process exited with status 4: running "echo gone; exit 4":\ngone\n'
    del state["delete"]
    provider.delete({**state, "connection": {**there.connection, "port": 1}}, old)


def test_a_refresh_asks_no_machine(provider: Plugin, there: Machine) -> None:
    """It returns what is there."""
    state = {**inputs(there), "connection": {**there.connection, "port": 1}, "stdout": "out", "stderr": ""}
    assert provider.read(state, inputs(there)) == state


def test_a_preview_asks_no_machine(provider: Plugin, there: Machine) -> None:
    """Output is not known before a command ran, nor where an input is not known."""
    nowhere = inputs(there) | {"connection": {**there.connection, "port": 1}}
    _, state = provider.create(nowhere, preview=True)
    assert printed(state) == (UNKNOWN, UNKNOWN)
    state |= {"stdout": "out", "stderr": "err"}
    assert printed(provider.update(state, nowhere, {**nowhere, "update": "false"}, preview=True)) == ("out", "err")
    after = provider.update(state, nowhere, {**nowhere, "stdin": UNKNOWN}, preview=True)
    assert (after["stdin"], *printed(after)) == (UNKNOWN, UNKNOWN, UNKNOWN)


def test_output_of_secret_inputs_is_no_secret(provider: Plugin, there: Machine) -> None:
    """Who needs that says so with additional_secret_outputs."""
    wanted = {"connection": secret(there.connection), "create": secret("cat"), "stdin": secret("word")}
    _, state = provider.create(wanted)
    assert printed(state) == ("word", "")
    assert all(is_secret(state[name]) for name in wanted)


def test_neither_a_time_limit_nor_a_cancellation_ends_a_command(provider: Plugin, there: Machine) -> None:
    """It runs to its end."""
    began = time.monotonic()
    call = provider.creating(inputs(there, "sleep 3; echo done"), timeout=0.5)
    assert not call.ends_within(1)
    provider.cancel()
    assert call.result().properties["stdout"] == "done"
    assert time.monotonic() - began >= 3
