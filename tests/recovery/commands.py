"""Commands of the project, as a person types them."""

from __future__ import annotations

import subprocess

from local.paths import REPOSITORY
from tests.ha.machines import HA


def make(command: str, *arguments: str) -> str:
    """What `make COMMAND STACK=...` prints, with its errors; a failed command too."""
    words = ["make", "--silent", command, f"STACK={HA.name}", *arguments]
    return subprocess.run(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout  # noqa: PLW1510


def machine(*arguments: str) -> None:
    """Run a command of podman on machines, such as a power cut."""
    subprocess.run(["podman", *arguments], check=True, capture_output=True)
