"""An error of Pulumi is shown by its standard error alone: standard output may hold secrets."""

from __future__ import annotations

import pytest
from pulumi.automation import CommandError
from pulumi.automation._cmd import CommandResult

from operations.stack.automation import message


@pytest.mark.parametrize(
    ("output", "error", "expected"),
    [
        ('{"kubeconfig": "secret"}', "error: no such stack\n", "error: no such stack"),
        ('{"kubeconfig": "secret"}', "", "exit status 255"),
        ("\n stderr: secret", "", "exit status 255"),
        ("\n stderr: secret", "error: none", "error: none"),
    ],
)
def test_standard_output_of_a_failed_command_is_never_shown(output: str, error: str, expected: str) -> None:
    """Neither where standard error is empty, nor where standard output looks like it."""
    assert message(CommandError(CommandResult(stdout=output, stderr=error, code=255))) == expected


def test_an_error_of_another_form_says_no_more_than_that_it_failed() -> None:
    """A later SDK may write another text."""
    found = CommandResult("secret", "", 1)
    found.__class__ = type("Other", (CommandResult,), {"__str__": lambda _: "secret"})
    assert message(CommandError(found)) == "exit status unknown"
