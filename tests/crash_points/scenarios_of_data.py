"""The runs that are disturbed while they change the data of etcd: a recovery, a restore."""

from __future__ import annotations

from components.steps.stdin import prologue, rerun_as
from components.steps.step import StepName
from operations.etcd.restore import with_bundle
from tests.crash_points.scenarios import (
    FIRST,
    OLD,
    SCENARIOS,
    SEVERAL,
    Scenario,
    prepared,
    sent,
    with_control_plane,
)
from tests.crash_points.world import Run, World
from tests.scripts.bundles import bundle


def with_lost_majority(world: World) -> None:
    """Of two control planes the other one is lost."""
    with_control_plane(world)
    world.machine.write("/world/others-are-lost", "\n")


RESTORE = prologue("restore", {"HOST_NAME": "node1", "CLUSTER_ID": ""})
LAID = Run(with_bundle(rerun_as(RESTORE, "restore"), bundle()))
RECOVERY = Run(rerun_as(SEVERAL["node1", StepName.PREPARE].text(), "recover", values={"OTHER_ADDRESSES": ""}))
OF_DATA = [
    Scenario("recover-create", "node1", FIRST, RECOVERY, arrange=with_lost_majority),
    Scenario("restore-create", "node1", (), LAID),
    Scenario("restore-create-again", "node1", (LAID,), LAID),
    Scenario("init-create-restored", "node1", (LAID, *prepared(OLD, "node1")), sent(OLD, "node1", StepName.INIT)),
]
ALL = [*SCENARIOS, *OF_DATA]
