"""Every shell script of the repository is free of findings and formatted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
SKIPPED = {".git", ".local", ".venv"}
SCRIPTS = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*.sh") if not SKIPPED.intersection(path.relative_to(ROOT).parts)
)


def findings(*command: str) -> str:
    """What a linter says about the scripts."""
    finished = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.returncode in {0, 1}, finished.stderr
    return finished.stdout + finished.stderr


def test_the_scripts_are_found() -> None:
    """Otherwise the tests below would prove nothing."""
    assert "scripts/run.sh" in SCRIPTS
    assert "scripts/parts/prepare/swap.sh" in SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    """Notes and style included."""
    assert findings("shellcheck", "--external-sources", "--source-path=scripts", script) == ""


def test_shfmt_would_change_nothing() -> None:
    """Two blanks, indented cases."""
    assert findings("shfmt", "-d", "-i", "2", "-ci", "-ln", "bash", *SCRIPTS) == ""


LONGEST_LINE = 128
ON_HOSTS = [script for script in SCRIPTS if script.startswith("scripts/")]


def too_long(text: str) -> list[str]:
    """Lines that a terminal of half a screen would wrap."""
    return [line for line in text.splitlines() if len(line) > LONGEST_LINE]


@pytest.mark.parametrize("script", ON_HOSTS)
def test_lines_are_short(script: str) -> None:
    """Whoever reads a script on a host has such a terminal."""
    assert too_long((ROOT / script).read_text()) == []
    assert too_long("x" * (LONGEST_LINE + 1))
