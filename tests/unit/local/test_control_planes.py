"""`make up CONTROL_PLANES=3`: further machines beside those of the committed stack file."""

from __future__ import annotations

import sys

import pytest

from components.settings.stack_file import parse_settings
from local import __main__, cluster
from local.environment import DEV
from local.stack import further_control_planes
from tests.unit.support.stacks import Stack, with_workers


def test_three_control_planes_are_one_and_two_more() -> None:
    """The machines that are there stay what they are: it is the edit that adds control planes."""
    environment = cluster.dev_stack(3).environment
    assert list(environment.machines) == [*DEV.machines, "node4", "node5"]
    assert len({environment.address(name) for name in environment.machines}) == 5
    stack: Stack = with_workers("node2", "node3")
    for path, value in further_control_planes(environment).items():
        _, host, key = path.split(".")
        stack["hosts"].setdefault(host, {"hostKey": "ssh-ed25519 AAAA"})[key] = value
    assert [host.name for host in parse_settings(stack).control_planes] == ["node1", "node4", "node5"]


def test_one_control_plane_is_the_committed_stack_file() -> None:
    """Without the variable nothing is added."""
    assert further_control_planes(cluster.dev_stack(1).environment) == {}


def test_machines_of_three_are_deleted_with_the_others() -> None:
    """`make down` does not know how many `make up` made."""
    assert set(cluster.LARGEST.environment.machines) >= set(cluster.dev_stack(3).environment.machines)


@pytest.mark.parametrize("arguments", [["up", "2"], ["up", "three"], ["down", "3"], ["up", "3", "3"], []])
def test_another_number_is_refused_before_anything_is_made(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage names the numbers."""
    monkeypatch.setattr(sys, "argv", ["local", *arguments])
    assert __main__.main() == 2
    assert "up|preview 1|3" in capsys.readouterr().err
