"""Out of what a program prints, the lines that say what failed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from components.steps.scripts import SCRIPTS
from tests.scripts.cluster import SAMPLES

LOGS = sorted(SAMPLES.glob("*.log"))


def failure_lines(log: Path) -> str:
    """What the library prints for the output in a file."""
    program = f'. {SCRIPTS}/lib/messages.sh; failure_lines "$1"'
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program, "-", str(log)],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_the_lines_that_say_what_failed_are_shown_and_no_others(log: Path) -> None:
    """Findings with their reasons, without the wall of what is all right, and without colours."""
    shown = failure_lines(log)
    assert shown == log.with_suffix(".lines").read_text()
    assert "enabled" not in shown
    assert "\x1b" not in shown


def test_samples_hold_what_must_not_be_shown() -> None:
    """Otherwise the test above would prove nothing."""
    text = "".join(log.read_text() for log in LOGS)
    assert len(LOGS) >= 10
    assert "\x1b[0;32menabled" in text
    assert "stack trace" in text


def test_an_output_without_such_lines_is_shown_from_its_end(tmp_path: Path) -> None:
    """A format that nobody knows yet."""
    log = tmp_path / "log"
    log.write_text("".join(f"\x1b[?25l\x1b[1mline {number}\x1b(B\x1b[m\r\n\n" for number in range(40)))
    assert failure_lines(log) == "".join(f"line {number}\n" for number in range(30, 40))


def test_an_empty_output_is_no_error(tmp_path: Path) -> None:
    """The message would be lost with it."""
    (tmp_path / "log").touch()
    assert failure_lines(tmp_path / "log").strip() == ""


def test_a_flood_of_errors_is_cut(tmp_path: Path) -> None:
    """The first ones say most."""
    log = tmp_path / "log"
    log.write_text("".join(f"E: error {number}\n" for number in range(100)))
    assert failure_lines(log).splitlines()[-1] == "E: error 29"


def test_no_script_shows_the_end_of_what_kubeadm_or_apt_printed() -> None:
    """They go through the library."""
    for script in SCRIPTS.rglob("*.sh"):
        code = script.read_text()
        assert not re.findall(
            r"tail -n \d+ \"\$STAGING/(?:init|join|upgrade|phase|reset|renew|kubeadm|kubelet|apt-get)\"", code
        )
        assert not re.findall(r"<\"\$STAGING/kubeadm\"", code), script
