"""How connections of the real provider fail, and which of them never do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.provider.machine import Machine, dropping
from tests.provider.plugin import Plugin, ProviderError
from tests.unit.support.listening import closed_port

STILL_WAITING_SECONDS = 6
"""Several times the time limit of a dial."""
FIRST_PAUSE_SECONDS, GROWTH = 0.1, 1.5


def error_of(provider: Plugin, connection: dict[str, Any]) -> str:
    """The error of a command over a connection that fails."""
    with pytest.raises(ProviderError) as error:
        provider.create({"connection": connection, "create": "true"})
    return str(error.value)


def other_key(there: Machine) -> str:
    """A host key that no machine has."""
    return there.host_key[:-6] + "AAAAAA"


def changed_in(there: Machine, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The connection to a machine with other values, of which some depend on the machine."""
    return there.connection | {name: value(there) if callable(value) else value for name, value in changes.items()}


def handshake(error: str) -> str:
    """The text of a failed handshake."""
    return f"ssh: handshake failed: {error}"


NO_METHOD = "no supported methods remain"
MISMATCH = handshake("ssh: host key mismatch")
NOT_LET_IN = handshake(f"ssh: unable to authenticate, attempted methods [none publickey], {NO_METHOD}")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"hostKey": other_key}, f"after 1 failed attempts: {MISMATCH}"),
        ({"user": "nobody-here"}, f"after 1 failed attempts: {NOT_LET_IN}"),
        ({"hostKey": "nonsense"}, "failed to parse host key: ssh: no key found"),
        ({"privateKey": "nonsense"}, "ssh: no key found"),
        ({"agentSocketPath": "/nowhere"}, "dial unix /nowhere: connect: no such file or directory"),
    ],
)
def test_a_login_that_is_refused(provider: Plugin, there: Machine, changed: dict[str, Any], error: str) -> None:
    """A wrong key or user is tried again, as a machine that does not answer."""
    assert error_of(provider, changed_in(there, changed)) == error


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_a_connection_is_tried_once_more_than_the_limit(provider: Plugin, there: Machine, limit: int) -> None:
    """And the error has the limit. Pauses grow from 0.1 s on."""
    with dropping() as (port, times):
        error = error_of(provider, there.connection | {"port": port, "dialErrorLimit": limit})
    assert error.startswith(f"after {limit} failed attempts: ssh: handshake failed: ")
    assert len(times) == limit + 1
    pauses = [after - before for before, after in pairwise(times)]
    assert all(pause > FIRST_PAUSE_SECONDS * GROWTH**number * 0.9 for number, pause in enumerate(pauses))
    messages = [(text, passes) for _, text, passes in provider.engine.logged(limit)]
    assert messages == [(f"Dial {number}/{limit} failed: retrying", True) for number in range(1, limit + 1)]


def test_a_closed_port_is_named(provider: Plugin, there: Machine) -> None:
    """With Go's words."""
    port = closed_port()
    error = error_of(provider, there.connection | {"port": port})
    assert error == f"after 1 failed attempts: dial tcp 127.0.0.1:{port}: connect: connection refused"


def test_a_frozen_server_is_waited_for_without_end(provider: Plugin, there: Machine) -> None:
    """The time limit of a dial covers TCP, which the kernel answers; a cancellation ends nothing either."""
    with there.frozen():
        call = provider.creating({"connection": there.connection | {"perDialTimeout": 1}, "create": "true"})
        assert not call.ends_within(STILL_WAITING_SECONDS)
        provider.cancel()
        assert not call.ends_within(1)


def test_a_command_goes_through_a_bastion(provider: Plugin, there: Machine) -> None:
    """With a login on each."""
    connection = there.connection | {"proxy": there.connection}
    _, state = provider.create({"connection": connection, "create": "echo ${SSH_CONNECTION% *}"})
    assert state["stdout"].startswith("127.0.0.1 ")
    assert state["connection"] == connection


def test_a_bastion_that_fails_is_named(provider: Plugin, there: Machine) -> None:
    """As the proxy."""
    port = closed_port()
    closed = there.connection | {"proxy": there.connection | {"port": port}}
    refused = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert error_of(provider, closed) == f"proxy: after 1 failed attempts: {refused}"
    unknown = there.connection | {"proxy": there.connection | {"hostKey": other_key(there)}}
    assert error_of(provider, unknown) == f"proxy: after 1 failed attempts: {MISMATCH}"


@pytest.mark.parametrize(
    ("changed", "limit", "error"),
    [
        ({"hostKey": other_key}, 0, MISMATCH),
        ({"hostKey": other_key}, 1, handshake("EOF")),
        ({"user": "nobody-here"}, 1, handshake("EOF")),
        ({"port": lambda _: closed_port()}, 1, "ssh: rejected: connect failed (Connection refused)"),
    ],
)
def test_a_machine_behind_a_bastion_hides_why_it_fails(
    provider: Plugin, there: Machine, changed: dict[str, Any], limit: int, error: str
) -> None:
    """Further attempts use the connection of the first one, which is closed: their text is what is seen."""
    connection = changed_in(there, changed) | {"dialErrorLimit": limit, "proxy": there.connection}
    assert error_of(provider, connection) == f"proxy: after {limit} failed attempts: {error}"
