"""The count of logins, with a journal that knows a line's unit, or not, and that writes late."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.logins import logins

JOURNAL = """\
journalctl() {
  case " $* " in
    *" --sync "*) touch written ;;
    *" --unit "*) echo 'Accepted publickey for a' ;; # journald came to the others when their process had gone on
    *)
      echo 'Accepted publickey for a'
      echo 'Received disconnect'
      [[ ! -e written ]] || echo 'Accepted publickey for b'
      ;;
  esac
}
"""


def test_every_login_is_counted(tmp_path: Path) -> None:
    """Also one whose line had no unit any more, or was not written yet."""

    def on_machine(script: str) -> str:
        command = ["bash", "-euo", "pipefail", "-s"]
        return subprocess.run(
            command, input=JOURNAL + script, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert logins(on_machine) == ["Accepted publickey for a", "Accepted publickey for b"]


def test_no_login_is_none() -> None:
    """Where the journal has no such line."""
    script = "journalctl() { :; }\n"
    shell = ["bash", "-euo", "pipefail", "-s"]
    assert logins(lambda text: subprocess.check_output(shell, input=script + text, text=True)) == []
