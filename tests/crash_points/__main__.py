"""Disturbs each step at each of its points, and prints a table of differences.

`python -m tests.crash_points [--every N] [STEP...]`; STEP is the beginning of a scenario's name: `init`, `join-verify`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.crash_points.scenarios_of_data import ALL
from tests.crash_points.sweep import OF_TRACER, Kind, Sweep
from tests.crash_points.tracer import IS_SUPPORTED

IN_MEMORY = Path("/dev/shm")
SHOWN = 1200
"""Characters of a finding."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    scenario: str
    kind: Kind
    points: int
    findings: list[str]

    def __str__(self) -> str:
        """The line, and below it each finding."""
        line = f"{self.scenario:34} {self.kind:10} {self.points:5} points {len(self.findings):4} differences"
        return "\n".join([line, *(f"    {finding[:SHOWN]}" for finding in self.findings)])


def rows_of(name: str, kinds: Sequence[Kind], directory: Path, every: int) -> list[Row]:
    """Print a scenario with each kind of disturbance, in one process: equal files of two kinds are judged once."""
    scenario = next(each for each in ALL if each.name == name)
    sweep = Sweep(scenario, directory / name)
    rows = []
    for kind in kinds:
        points = sweep.points(kind)[::every]
        findings = [f"at {point}: {each}" for point in points for each in sweep.findings(kind, point)]
        row = Row(name, kind, sweep.met(kind) if every == 1 else len(points), findings)
        print(row, flush=True)
        rows.append(row)
    return rows


def main() -> int:
    """Print the table; 1 where something differs."""
    parser = argparse.ArgumentParser(prog="tests.crash_points", description=__doc__)
    parser.add_argument("step", nargs="*", default=[""], help="beginnings of names of scenarios")
    parser.add_argument("--every", type=int, default=1, help="try each n-th point")
    parser.add_argument("--kind", action="append", type=Kind, choices=list(Kind), help="only these disturbances")
    arguments = parser.parse_args()
    names = [each.name for each in ALL if each.name.startswith(tuple(arguments.step))]
    os.nice(10)
    differing = points = 0
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory,
        ProcessPoolExecutor() as pool,
    ):
        kinds = arguments.kind or [kind for kind in Kind if IS_SUPPORTED or kind not in OF_TRACER]
        sweep = partial(rows_of, kinds=kinds, directory=Path(directory), every=arguments.every)
        for done in as_completed([pool.submit(sweep, name) for name in names]):
            for row in done.result():
                differing += len(row.findings)
                points += row.points
    print(f"{points} points, {differing} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
