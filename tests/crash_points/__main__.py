"""Disturbs each step at each of its points, and prints a table of differences.

`python -m tests.crash_points [--every N] [STEP...]`; STEP is the beginning of a scenario's name: `init`, `join-verify`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.crash_points.scenarios_of_data import ALL
from tests.crash_points.sweep import Kind, Sweep

IN_MEMORY = Path("/dev/shm")
PROCESSES = 2
SHOWN = 1200
"""Characters of a finding."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    scenario: str
    kind: Kind
    points: int
    findings: list[str]


def row_of(name: str, kind: Kind, directory: Path, every: int) -> Row:
    """A scenario with one kind of disturbance."""
    scenario = next(each for each in ALL if each.name == name)
    sweep = Sweep(scenario, directory / f"{name}-{kind}")
    points = range(1, sweep.points(kind) + 1, every)
    findings = [f"at {point}: {each}" for point in points for each in sweep.findings(kind, point)]
    return Row(name, kind, len(points), findings)


def main() -> int:
    """Print the table; 1 where something differs."""
    parser = argparse.ArgumentParser(prog="tests.crash_points", description=__doc__)
    parser.add_argument("step", nargs="*", default=[""], help="beginnings of names of scenarios")
    parser.add_argument("--every", type=int, default=1, help="try each n-th point")
    parser.add_argument("--kind", action="append", type=Kind, choices=list(Kind), help="only these disturbances")
    arguments = parser.parse_args()
    names = [each.name for each in ALL if each.name.startswith(tuple(arguments.step))]
    os.nice(10)
    differing = 0
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory,
        ProcessPoolExecutor(PROCESSES) as pool,
    ):
        sweep = partial(row_of, directory=Path(directory), every=arguments.every)
        kinds = arguments.kind or list(Kind)
        for done in as_completed([pool.submit(sweep, name, kind) for kind in kinds for name in names]):
            row = done.result()
            print(f"{row.scenario:26} {row.kind:10} {row.points:5} points {len(row.findings):4} differences")
            for finding in row.findings:
                print(f"    {finding[:SHOWN]}")
            sys.stdout.flush()
            differing += len(row.findings)
    print(f"{differing} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
