"""Costs that `make bench-scale` prints."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.scale import run

PROGRAM = """#!/bin/sh
sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done'
sleep 1
"""


def test_cpu_seconds_of_a_run_are_those_of_its_children_and_no_waiting(tmp_path: Path) -> None:
    """Other programs of a host prolong the seconds of a clock only."""
    program = tmp_path / "pulumi"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    cost = run(["pulumi"], tmp_path, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert cost.cpu_seconds > 0.02
    assert cost.cpu_seconds + 0.9 < cost.seconds
