"""The first update of a cluster in a log of local machines, for the picture in docs/pictures: `make picture LOG=...`.

A log has a line for each state of each resource. A terminal ends with the last one, and so does the picture.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from local.paths import REPOSITORY
from problem import StepError

RECORDED = REPOSITORY / "docs" / "pictures" / "up.log"
UPDATE = re.compile(r"^Updating \([\w-]+\):\n.*?^Duration: .*?\n", re.MULTILINE | re.DOTALL)
ONLY_CREATED = re.compile(r"^Resources:\n    \+ \d+ created\n\n", re.MULTILINE)
LEFT_OUT = re.compile(r"^@ updating\.|^ \+  \S+ \S+ creating\b|warning: using pulumi-resource-")
"""Signs of life, resources before their end, and a warning that names a path of this machine."""

COLORS = (
    (re.compile(r"^(?:Updating .*|Diagnostics:|Resources:|Duration:)"), "38;5;13;1"),
    (re.compile(r"^ +\+(?= )|(?<= )created\b"), "38;5;2;1"),
    (re.compile(r"^  \S+ \(.*\):$"), "38;5;12"),
)
"""Colours that Pulumi has on a terminal, and not in a log."""


def first_update(log: str) -> str:
    """The last update of a log that created a cluster and nothing else, in colours.

    Args:
        log: of Pulumi, as `local/` writes it below `.local/logs`.

    Raises:
        StepError: no update of the log did that.
    """
    found = [update for update in UPDATE.findall(log) if ONLY_CREATED.search(update)]
    if not found:
        raise StepError(
            "record an update",
            expected="a log with an update that created a cluster",
            seen="none that ended with resources that were created, and no others",
            next_command="make down && make up && make picture LOG=.local/logs/pulumi-dev.log",
        )
    lines = [line for line in found[-1].splitlines() if not LEFT_OUT.search(line)]
    return "\n".join(_coloured(line.rstrip()) for line in lines) + "\n"


def _coloured(line: str) -> str:
    for pattern, codes in COLORS:
        line = pattern.sub(f"\x1b[{codes}m\\g<0>\x1b[0m", line)
    return line


def main(log: str) -> int:
    """Write the update; exit status 1 where the log has none."""
    try:
        RECORDED.write_text(first_update(Path(log).read_text()))
    except StepError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
