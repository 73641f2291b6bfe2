"""The runs of each step that are disturbed: a step, the runs before it, and the repair that takes an edit back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from components.steps.of_control_plane import KUBECONFIG_OWNER
from components.steps.step import StepName
from tests.crash_points.arrangements import (
    as_it_is,
    by_address,
    containerd_1_4,
    control_plane_left,
    edited_control_plane,
    lost_marks,
    node_left,
    unguarded,
    upgraded_control_plane,
    with_control_plane,
    with_half_member,
    with_sponsor,
    with_worker,
)
from tests.crash_points.runs import (
    EDITED,
    NEWER,
    OLD,
    OLDER_SCRIPTS,
    SEVERAL,
    installed,
    prepared,
    pulled,
    reached,
    reclaimed,
    repaired,
    saved,
    sent,
)
from tests.crash_points.world import Run, World


@dataclass(frozen=True)
class Scenario:
    """One way in which a step runs.

    Attributes:
        name: STEP-MODE, or more where a step has several ways.
        host: the machine.
        before: runs on the machine before the disturbed one.
        run: the run that is disturbed.
        repair: runs that take the edit back; empty where no edit can be taken back.
        arrange: changes the machine after `before`.
    """

    name: str
    host: str
    before: tuple[Run, ...]
    run: Run
    repair: tuple[Run, ...] = ()
    arrange: Callable[[World], None] = field(default=as_it_is)


_, PREPARE, _, INIT, KUBECONFIG, MEMBERSHIP, JOIN, _ = StepName
VERIFY, DELETE = "verify", "delete"
CONTROL_PLANE = (*prepared(OLD, "node1"), sent(OLD, "node1", INIT))
JOINED = (*prepared(OLD, "node2"), sent(OLD, "node2", JOIN))
FIRST = (*prepared(SEVERAL, "node1"), sent(SEVERAL, "node1", INIT))
MEMBER = (*CONTROL_PLANE, sent(OLD, "node2", MEMBERSHIP))

SCENARIOS = [
    Scenario("prepare-create", "node1", (), sent(OLD, "node1", PREPARE), repair=repaired("node1")),
    Scenario(
        "prepare-create-changed",
        "node1",
        CONTROL_PLANE,
        sent(EDITED, "node1", PREPARE),
        repair=repaired("node1", sent(OLD, "node1", INIT, VERIFY)),
    ),
    Scenario("prepare-delete", "node2", JOINED, sent(OLD, "node2", PREPARE, DELETE), arrange=node_left),
    Scenario(
        "prepare-delete-control-plane",
        "node1",
        FIRST,
        sent(SEVERAL, "node1", PREPARE, DELETE),
        arrange=control_plane_left,
    ),
    Scenario("images-create", "node1", prepared(OLD, "node1")[:1], pulled(OLD, "node1")),
    Scenario("images-create-password", "node2", JOINED, pulled(OLD, "node2", "another"), repair=repaired("node2")),
    Scenario(
        "images-create-password-1.4",
        "node2",
        JOINED,
        pulled(OLD, "node2", "another"),
        repair=(pulled(OLD, "node2"),),
        arrange=containerd_1_4,
    ),
    Scenario("install-create", "node1", (Run(OLDER_SCRIPTS),), installed()),
    Scenario("reclaim-create", "node1", CONTROL_PLANE, reclaimed("node1"), arrange=lost_marks),
    Scenario("pod_network-create", "node1", MEMBER, reached("node2"), arrange=with_worker),
    Scenario("init-create", "node1", prepared(OLD, "node1"), sent(OLD, "node1", INIT)),
    Scenario(
        "init-verify",
        "node1",
        (*CONTROL_PLANE, sent(EDITED, "node1", PREPARE)),
        sent(EDITED, "node1", INIT, VERIFY),
        repair=repaired("node1", sent(OLD, "node1", INIT, VERIFY)),
    ),
    Scenario(
        "init-verify-upgrade",
        "node1",
        (*CONTROL_PLANE, sent(NEWER, "node1", PREPARE)),
        sent(NEWER, "node1", INIT, VERIFY),
    ),
    Scenario("init-verify-marks-lost", "node1", CONTROL_PLANE, sent(OLD, "node1", INIT, VERIFY), arrange=lost_marks),
    Scenario("init-verify-guard", "node1", CONTROL_PLANE, sent(OLD, "node1", INIT, VERIFY), arrange=unguarded),
    Scenario("snapshot-create", "node1", CONTROL_PLANE, saved()),
    Scenario("kubeconfig-create", "node1", CONTROL_PLANE, sent(OLD, KUBECONFIG_OWNER, KUBECONFIG)),
    Scenario("membership-create", "node1", CONTROL_PLANE, sent(OLD, "node2", MEMBERSHIP)),
    Scenario(
        "membership-create-changed",
        "node1",
        MEMBER,
        sent(EDITED, "node2", MEMBERSHIP),
        repair=(sent(OLD, "node2", MEMBERSHIP),),
        arrange=with_worker,
    ),
    Scenario("membership-create-upgrade", "node1", MEMBER, sent(NEWER, "node2", MEMBERSHIP), arrange=with_worker),
    Scenario("membership-delete", "node1", MEMBER, sent(OLD, "node2", MEMBERSHIP, DELETE), arrange=with_worker),
    Scenario("membership-create-control-plane", "node1", FIRST, sent(SEVERAL, "node2", MEMBERSHIP)),
    Scenario(
        "membership-create-half-member",
        "node1",
        FIRST,
        sent(SEVERAL, "node2", MEMBERSHIP),
        arrange=with_half_member,
    ),
    Scenario(
        "membership-delete-control-plane",
        "node1",
        FIRST,
        sent(SEVERAL, "node2", MEMBERSHIP, DELETE),
        arrange=with_control_plane,
    ),
    Scenario(
        "join-create-control-plane",
        "node2",
        prepared(SEVERAL, "node2"),
        sent(SEVERAL, "node2", JOIN),
        arrange=with_sponsor,
    ),
    Scenario("join-create", "node2", prepared(OLD, "node2"), sent(OLD, "node2", JOIN)),
    Scenario(
        "join-verify",
        "node2",
        JOINED,
        sent(EDITED, "node2", JOIN, VERIFY),
        repair=repaired("node2", sent(OLD, "node2", JOIN, VERIFY)),
    ),
    Scenario(
        "join-verify-kubelet",
        "node2",
        JOINED,
        sent(EDITED, "node2", JOIN, VERIFY),
        arrange=edited_control_plane,
    ),
    Scenario("join-verify-endpoint", "node2", JOINED, sent(OLD, "node2", JOIN, VERIFY), arrange=by_address),
    Scenario(
        "join-verify-upgrade",
        "node2",
        (*JOINED, sent(NEWER, "node2", PREPARE)),
        sent(NEWER, "node2", JOIN, VERIFY),
        arrange=upgraded_control_plane,
    ),
]
