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
