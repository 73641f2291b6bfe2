"""A stand-in for `pulumi` in PATH: it prints what a test chooses, and records its arguments."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

URN = "urn:pulumi:shop::kubeadm::kubeadm:index:Worker$command:remote:Command::"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


def diagnostic(severity: str, message: str) -> dict[str, Any]:
    """A message of a program or a provider, as an event of Pulumi."""
    return {"diagnosticEvent": {"severity": severity, "message": f"{message}\n", "prefix": "", "color": "never"}}


def resource(name: str, operation: str, old: Any, new: Any) -> dict[str, Any]:
    """An operation on a resource, with its inputs before and after, as an event of Pulumi."""
    inputs = {key: {"inputs": value} if value is not None else None for key, value in (("old", old), ("new", new))}
    return {"resourcePreEvent": {"metadata": {"op": operation, "urn": URN + name, **inputs}}}


def summary(**changes: int) -> dict[str, Any]:
    """The last event."""
    return {"summaryEvent": {"resourceChanges": changes}}


WRITES_EVENTS_TO_A_FILE = "3.200.0"
"""The last version that writes events to a file; later ones send them to a port."""


class FakePulumi:
    """The program, in a directory that goes first in PATH."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._calls = directory / "calls"
        self.set_output([summary()])

    def set_output(
        self, events: Sequence[dict[str, Any]], text: str = "", errors: str = "", status: int = 0, where: str = ""
    ) -> None:
        """Set output and exit status of `pulumi preview`; any other command succeeds and prints nothing.

        `pulumi whoami` fails where the errors are about an access token. With `where`, the output is that of
        directories of this name only.
        """
        answer = {"events": list(events), "text": text, "errors": errors, "status": status}
        (self.directory / f"answer{where}.json").write_text(json.dumps(answer))
        program = self.directory / "pulumi"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} "$0" "$@"\n')
        program.chmod(0o755)

    def calls(self) -> list[dict[str, Any]]:
        """Arguments and environment of each call."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]


def _main(program: str, arguments: list[str]) -> int:
    import os  # noqa: PLC0415  # for the stand-in only

    directory = Path(program).parent
    if arguments == ["version"]:
        print(WRITES_EVENTS_TO_A_FILE)
        return 0
    arguments.remove("--non-interactive")
    with (directory / "calls").open("a") as calls:
        calls.write(json.dumps({"arguments": arguments, "environment": dict(os.environ)}) + "\n")
    if arguments[0] not in {"preview", "whoami"}:
        return 0
    special = directory / f"answer{Path.cwd().name}.json"
    answer = json.loads((special if special.exists() else directory / "answer.json").read_text())
    if arguments[0] == "whoami":
        print('{"user": "jo"}')
        return int("PULUMI_ACCESS_TOKEN" in answer["errors"])
    log = Path(arguments[arguments.index("--event-log") + 1])
    events = [*answer["events"], {"cancelEvent": {}}]  # the last one: nobody waits for another
    log.write_text("".join(json.dumps({"sequence": 0, "timestamp": 0, **event}) + "\n" for event in events))
    print(answer["text"])
    print(answer["errors"], file=sys.stderr)
    return int(answer["status"])


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
