"""The SDKs at both ends of what is accepted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local.toolchain import sdk_versions


def test_every_sdk_has_both_bounds() -> None:
    """Without a lower one the oldest is that of years ago; without an upper one the newest breaks by its own rules."""
    sdks = sdk_versions.accepted_sdks()
    assert [each.partition(">")[0] for each in sdks] == ["pulumi", "pulumi-command", "pulumi-kubernetes"]
    assert all(">=" in each and ",<" in each for each in sdks)


@pytest.mark.parametrize(("statuses", "runs"), [([0, 0], 2), ([1, 0], 1)])
def test_each_environment_runs_the_tests_until_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: list[int], runs: int
) -> None:
    """The status is that of the failure."""
    commands: list[list[str]] = []

    def call(command: list[str], **_: object) -> int:
        commands.append([str(each) for each in command])
        return statuses[len(commands) - 1]

    monkeypatch.setattr(sdk_versions, "install", lambda name: tmp_path / name)
    monkeypatch.setattr(subprocess, "check_output", lambda *_, **__: "pulumi 3\n")
    monkeypatch.setattr(subprocess, "call", call)
    assert sdk_versions.main([]) == max(statuses)
    assert [Path(command[0]).relative_to(tmp_path).parts[0] for command in commands] == ["oldest", "newest"][:runs]
    assert commands[0][-1] == sdk_versions.TESTS
