"""Machines that are copies of one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.unit.support import recording
from tests.unit.support.recording import record, stack_of


def warnings_of(stack: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, preview: bool = False) -> list[str]:
    """What one run of the program warns of."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    record(stack, preview=preview)
    return [each for each in warnings if each.startswith("hosts: ")]


def test_hosts_with_one_machine_id_are_warned_of_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host that has to be given its own is in the next command."""
    printed = recording._Machines._printed
    shared = {"node2/prepare": "0b1c\n", "node3/prepare": "0b1c\n", "node1/prepare": "5f5f\n"}
    monkeypatch.setattr(recording._Machines, "_printed", staticmethod(lambda name: shared.get(name) or printed(name)))
    (warning,) = warnings_of(stack_of(tmp_path, "node2", "node3"), monkeypatch)
    assert "its own machine-id,\n  saw the same machine-id on node2 and node3" in warning
    assert "Next: on node3, as root: rm /etc/machine-id" in warning


def test_hosts_with_one_ssh_host_key_are_warned_of_in_the_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the stack file."""
    stack = stack_of(tmp_path, "node2", "node3")
    stack["hosts"]["node3"]["hostKey"] = stack["hosts"]["node1"]["hostKey"]
    (warning,) = warnings_of(stack, monkeypatch, preview=True)
    assert "its own SSH host key,\n  saw the same SSH host key on node1 and node3" in warning


def test_machines_of_their_own_are_not_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those whose last update did not tell."""
    assert warnings_of(stack_of(tmp_path, "node2", "node3"), monkeypatch) == []


def test_copies_are_found_whatever_the_comments_of_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known_hosts file may have a comment for each."""
    stack = stack_of(tmp_path, "node2", "node3")
    key = stack["hosts"]["node2"].pop("hostKey")
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"{stack['hosts']['node2']['address']} {key} root@node2\n")
    stack["hosts"]["node3"]["hostKey"] = key
    stack["ssh"] = {"knownHostsFile": str(known_hosts)}
    (warning,) = warnings_of(stack, monkeypatch, preview=True)
    assert "the same SSH host key on node2 and node3" in warning
