"""The runs that are disturbed while they change the data of etcd: encryption, a recovery, a restore."""

from __future__ import annotations

import base64
from typing import Any

from components.host_files.encryption import encryption_files
from components.steps.stdin import prologue, rerun_as
from components.steps.step import StepName
from operations.etcd.restore import with_bundle
from tests.crash_points.arrangements import with_control_plane
from tests.crash_points.runs import OLD, SEVERAL, prepared, repaired, sent, settings, steps
from tests.crash_points.scenarios import CONTROL_PLANE, FIRST, SCENARIOS, VERIFY, Scenario
from tests.crash_points.world import Run, World
from tests.scripts.bundles import bundle

KEYS = {name: base64.b64encode(name.encode() * 16).decode() for name in ("k1", "k2")}


class Encrypted:
    """What a stack with these keys sends to its control plane; the first one encrypts, where it is enabled."""

    def __init__(self, *names: str, enabled: bool = True) -> None:
        stack: dict[str, Any] = {
            "keys": [{"name": name, "secret": f"{name}Secret"} for name in names],
            "enabled": enabled,
        }
        wanted = steps(encryption=stack)
        keys = encryption_files(settings(edited=False, version="1.36.3", encryption=stack), KEYS)
        self.prepares = sent(wanted, "node1", StepName.PREPARE)
        self.reads = Run(wanted["node1", StepName.INIT].text(keys), VERIFY)
        self.writes = Run(wanted["node1", StepName.ENCRYPTION].text())

    @property
    def whole(self) -> tuple[Run, ...]:
        """The steps of an update, in their order."""
        return self.prepares, self.reads, self.writes


ON, ROTATED, REMOVED, OFF = Encrypted("k1"), Encrypted("k2", "k1"), Encrypted("k2"), Encrypted("k1", enabled=False)
PLAIN = sent(OLD, "node1", StepName.PREPARE), sent(OLD, "node1", StepName.INIT, VERIFY)
ENCRYPTED = (*CONTROL_PLANE, *ON.whole)
ENCRYPTION = [
    Scenario(
        "init-verify-encryption",
        "node1",
        (*CONTROL_PLANE, ON.prepares),
        ON.reads,
        repair=repaired("node1", PLAIN[1]),
    ),
    Scenario("encryption-create", "node1", (*CONTROL_PLANE, *ON.whole[:2]), ON.writes),
    Scenario(
        "init-verify-encryption-rotated",
        "node1",
        (*ENCRYPTED, ROTATED.prepares),
        ROTATED.reads,
        repair=(ON.prepares, ON.reads),
    ),
    Scenario("encryption-create-rotated", "node1", (*ENCRYPTED, *ROTATED.whole[:2]), ROTATED.writes),
    Scenario(
        "init-verify-encryption-removed",
        "node1",
        (*ENCRYPTED, *ROTATED.whole, REMOVED.prepares),
        REMOVED.reads,
        repair=(ROTATED.prepares, ROTATED.reads),
    ),
    Scenario("encryption-create-off", "node1", (*ENCRYPTED, *OFF.whole[:2]), OFF.writes),
    Scenario("init-verify-encryption-off", "node1", (*ENCRYPTED, *OFF.whole, PLAIN[0]), PLAIN[1]),
]


def with_lost_majority(world: World) -> None:
    """Of two control planes the other one is lost."""
    with_control_plane(world)
    world.machine.write("/world/others-are-lost", "\n")


RESTORE = prologue("restore", {"HOST_NAME": "node1", "CLUSTER_ID": ""})
LAID = Run(with_bundle(rerun_as(RESTORE, "restore"), bundle()))
RECOVERY = Run(rerun_as(SEVERAL["node1", StepName.PREPARE].text(), "recover", values={"OTHER_ADDRESSES": ""}))
OF_DATA = [
    *ENCRYPTION,
    Scenario("recover-create", "node1", FIRST, RECOVERY, arrange=with_lost_majority),
    Scenario("restore-create", "node1", (), LAID),
    Scenario("restore-create-again", "node1", (LAID,), LAID),
    Scenario("init-create-restored", "node1", (LAID, *prepared(OLD, "node1")), sent(OLD, "node1", StepName.INIT)),
]
ALL = [*SCENARIOS, *OF_DATA]
