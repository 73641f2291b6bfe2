"""A machine that freezes in the middle of a whole run: the run ends within its bound, and the next one goes on."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.steps.watch import LOOK_SECONDS, PATIENCE_SECONDS, SILENT_LOOKS
from tests.faults import runs
from tests.faults.machines import FAULTS
from tests.faults.runs import Run, assert_converged, exists_on

FROZEN = list(FAULTS.machines)[1]
"""A worker."""
BOUND_SECONDS = SILENT_LOOKS * (LOOK_SECONDS + PATIENCE_SECONDS)
"""From the end of everything else on; docs/reliability.md states it."""
OTHER_STEPS_SECONDS = 600
"""Time of the other worker's join, which began at about the same time."""


@contextmanager
def paused(machine: str) -> Iterator[None]:
    """No process of the machine runs; the kernel accepts connections to it."""
    subprocess.run(["podman", "pause", FAULTS.container(machine)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["podman", "unpause", FAULTS.container(machine)], check=True, capture_output=True)


def test_a_run_whose_worker_freezes_ends_and_the_next_one_goes_on(no_machines: None, tmp_path: Path) -> None:
    """During its join: the control plane runs already, and the other worker joins meanwhile."""
    run = Run(tmp_path)
    run.wait_for(exists_on(FROZEN, "/run/pulumi-kubeadm/join"))
    with paused(FROZEN):
        began = time.monotonic()
        error = run.error(within=BOUND_SECONDS + OTHER_STEPS_SECONDS)
        assert time.monotonic() - began > SILENT_LOOKS * LOOK_SECONDS, "a machine that is busy may be slow"
    messages = error + run.seen()
    assert f"{FROZEN}: join: expected its SSH server to answer while the step runs" in messages
    assert "pulumi up, which waits for a step that still runs" in messages
    assert not runs.pending_operations()
    # Its token and the patience of kubeadm ended meanwhile.
    error = Run(tmp_path).error()
    assert f"{FROZEN}: join: expected a join that went to its end, or none" in error
    runs.follow(error, FROZEN)
    Run(tmp_path).succeed()
    assert_converged()
