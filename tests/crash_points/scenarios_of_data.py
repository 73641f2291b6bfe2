"""The runs that are disturbed while they bring the data of a cluster to a machine."""

from __future__ import annotations

from components.steps.stdin import prologue, rerun_as
from operations.etcd.restore import with_bundle
from tests.crash_points.scenarios import SCENARIOS, Scenario
from tests.crash_points.world import Run
from tests.scripts.bundles import bundle

RESTORE = prologue("restore", {"HOST_NAME": "node1", "CLUSTER_ID": ""})
LAID = Run(with_bundle(rerun_as(RESTORE, "restore"), bundle()))
OF_DATA = [
    Scenario("restore-create", "node1", (), LAID),
    Scenario("restore-create-again", "node1", (LAID,), LAID),
]
ALL = [*SCENARIOS, *OF_DATA]
