"""What the real provider says of inputs, and which changes of them it sees."""

from __future__ import annotations

from typing import Any

import pytest

from tests.provider.plugin import UNKNOWN, Plugin, is_secret

DEFAULTS = {"user": "root", "port": 22, "dialErrorLimit": 10, "perDialTimeout": 15}
INPUTS: dict[str, Any] = {"connection": {"host": "192.0.2.11", **DEFAULTS}, "create": "true", "triggers": ["a"]}
MISSING = "Missing required field"
UNDECODED = "An error occurred decoding 'CommandInputs.connection'"
STATE = {**INPUTS, "stdout": "", "stderr": ""}


def test_a_connection_has_defaults_and_is_a_secret(provider: Plugin) -> None:
    """That of a bastion too; the private key is one of its own."""
    connection = {"host": "192.0.2.11", "privateKey": "key", "proxy": {"host": "192.0.2.12", "password": "word"}}
    checked, failures = provider.check({"connection": connection})
    assert failures == []
    assert is_secret(checked["connection"])
    inside = checked["connection"]["value"]
    assert is_secret(inside.pop("privateKey"))
    assert is_secret(inside["proxy"].pop("password"))
    assert inside == {"host": "192.0.2.11", **DEFAULTS, "proxy": {"host": "192.0.2.12", **DEFAULTS}}


@pytest.mark.parametrize(
    ("changed", "failures"),
    [
        ({}, []),
        ({"stdin": UNKNOWN}, []),
        ({"logging": "loud"}, []),
        ({"connection": None}, [f"connection: {MISSING} 'connection' on 'remote.CommandInputs'"]),
        (
            {"connection": {}},
            [f"connection: {UNDECODED}: 1 failures decoding:\n\thost: {MISSING} 'host' on 'remote.Connection'"],
        ),
        ({"other": "x"}, ["other: Unrecognized field 'other' on 'remote.CommandInputs'"]),
        (
            {"stdin": ["x"]},
            ["stdin: Field 'stdin' on 'remote.CommandInputs' must be a 'string'; got '[]interface {}' instead"],
        ),
    ],
)
def test_inputs_are_checked(provider: Plugin, changed: dict[str, Any], failures: list[str]) -> None:
    """Fields, and their types."""
    wanted = {name: value for name, value in {**INPUTS, **changed}.items() if value is not None}
    assert provider.check(wanted)[1] == failures


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        ({}, []),
        ({"connection": {**INPUTS["connection"], "port": 23}}, ["connection.port"]),
        ({"connection": {**INPUTS["connection"], "hostKey": "x"}}, ["connection.hostKey"]),
        ({"create": "false", "delete": "true"}, ["create", "delete"]),
        ({"stdin": UNKNOWN, "logging": "none"}, ["logging", "stdin"]),
        ({"environment": {"A": "b"}, "addPreviousOutputInEnv": False}, ["addPreviousOutputInEnv", "environment"]),
        ({"triggers": ["b"]}, ["triggers[0]"]),
        ({"triggers": ["a", UNKNOWN]}, ["triggers[1]"]),
    ],
)
def test_each_changed_input_is_an_update(provider: Plugin, changed: dict[str, Any], differences: list[str]) -> None:
    """A changed trigger too: that it replaces the resource is what the SDK asks for."""
    assert provider.diff(STATE, INPUTS, {**INPUTS, **changed}) == (differences, [])


def test_triggers_that_come_replace_the_resource(provider: Plugin) -> None:
    """As a whole."""
    without = {name: value for name, value in INPUTS.items() if name != "triggers"}
    assert provider.diff({**without, "stdout": "", "stderr": ""}, without, INPUTS) == (["triggers"], ["triggers"])
