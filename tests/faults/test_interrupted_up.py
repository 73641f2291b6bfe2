"""Interrupting `make up` at any point and running it again converges, and nothing of the interrupted run is left."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from local import cluster
from local.mirror import KUBERNETES
from tests.faults.machines import FAULTS
from tests.faults.runs import Run, assert_converged, exists_on, shows

FIRST, SECOND = list(FAULTS.machines)[:2]

WHILE_MACHINES_ARE_MADE: dict[str, Callable[[Run], bool]] = {
    "the network is made": shows("podman .* network create"),
    "machines are made": shows("podman .* create --name"),
    "machines get their files": shows("podman .* cp "),
    "machines start": shows("podman .* start "),
    "machines boot": shows("podman .* exec "),
    "the mirror starts": shows("podman .* run --detach"),
}
WHILE_THE_STACK_COMES_UP: dict[str, Callable[[Run], bool]] = {
    "the stack file is written": shows("ok  Local mirror of faults"),
    "Pulumi starts": shows("ok  Stack file"),
    "hosts are prepared": shows(f"{FIRST}/prepare creating"),
    "images are pulled": shows(f"{SECOND}/images creating"),
    "kubeadm init runs": shows(f"{FIRST}/init creating"),
    "the API server starts": exists_on(FIRST, "/etc/kubernetes/manifests/kube-apiserver.yaml"),
    "first objects are made": shows("ConfigMap .* creating"),
    "workers join": shows(f"{SECOND}/join creating"),
    "the dashboard is made": shows("Deployment .*dashboard.* creating"),
    "the summary is made": shows("ok  Stack faults is up"),
}
"""In the order of a run."""

SIGNALS = pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])


@SIGNALS
@pytest.mark.parametrize("point", WHILE_MACHINES_ARE_MADE)
def test_machines_that_a_run_left_half_made_are_brought_to_their_end(
    no_machines: None, tmp_path: Path, point: str, signal_number: signal.Signals
) -> None:
    """They answer, and so does their mirror."""
    run = Run(tmp_path)
    run.wait_for(WHILE_MACHINES_ARE_MADE[point])
    run.interrupt(signal_number)
    cluster.prepare_machines(FAULTS, KUBERNETES)


@SIGNALS
def test_a_run_interrupted_again_and_again_ends_as_one_that_was_not(
    no_machines: None, tmp_path: Path, signal_number: signal.Signals
) -> None:
    """Each run starts from what the one before left; the last goes to the end."""
    for name, reached in WHILE_THE_STACK_COMES_UP.items():
        run = Run(tmp_path)
        run.wait_for(reached)
        print(f"{signal_number.name} when {name}")
        run.interrupt(signal_number)
    Run(tmp_path).succeed()
    assert_converged()
