"""The update in docs/pictures: of a log, what a terminal would end with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local import recorded
from local.paths import REPOSITORY

FIRST = """\
Updating (dev):
@ updating....
    pulumi:pulumi:Stack kubeadm-dev  warning: using pulumi-resource-command from $PATH at /opt/command
 +  command:remote:Command cluster/node1/init creating (0s) node1: begins
 +  command:remote:Command cluster/node1/init created (20s) node1: kubeadm init is done
Diagnostics:
  command:remote:Command (cluster/node1/init):
    node1: kubeadm init is done

Resources:
    + 1 created

Duration: 20s
"""
LATER = FIRST.replace("+ 1 created", "+ 1 created\n    ~ 1 updated")
FAILED = FIRST.replace("+ 1 created", "+ 1 created\n    1 errored")


def plain(text: str) -> str:
    """Text without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("log", [FIRST, f"$ pulumi stack init\n{FIRST}\n{LATER}{FAILED}$ rm -rf /opt\n"])
def test_the_first_update_of_a_log_is_shown_as_a_terminal_ends_with_it(log: str) -> None:
    """Later updates, failed ones, and what is no output of an update are left out."""
    shown = recorded.first_update(log)
    assert plain(shown) == "".join(
        line for line in FIRST.splitlines(keepends=True) if not re.search("@|/opt|creating", line)
    )
    assert "\x1b[38;5;2;1m +\x1b[0m  command:remote:Command" in shown


def test_a_log_without_a_first_update_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture that is there stays."""
    monkeypatch.setattr(recorded, "RECORDED", tmp_path / "up.log")
    (tmp_path / "dev.log").write_text(LATER + FAILED)
    assert recorded.main(str(tmp_path / "dev.log")) == 1
    assert "make picture LOG=" in capsys.readouterr().err
    assert not recorded.RECORDED.exists()


@pytest.mark.parametrize("log", sorted((REPOSITORY / "docs" / "pictures").glob("*.log")), ids=lambda path: path.name)
def test_a_log_in_the_repository_names_no_directory_of_the_machine_that_wrote_it(log: Path) -> None:
    """Nor a program of it."""
    assert re.findall(r"(?:^|[\s=:])/(?:root|home|work|tmp|Users)/\S*|\$PATH", log.read_text()) == []
