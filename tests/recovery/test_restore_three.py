"""Three control planes are lost, the state of Pulumi is there: the advice of `make restore` brings the cluster back."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import cluster, machines
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, stack
from tests.recovery.commands import make

THREE = ["node1", "node2", "node3"]
WRITES = range(30)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HaCluster, Path]]:
    """A cluster whose machines were lost after a bundle, and the bundle; new machines have their names."""
    place = tmp_path_factory.mktemp("backup")
    cluster.take_down(stack(THREE, [WORKER]))
    try:
        live = bring_up(THREE, [WORKER])
        for number in WRITES:
            live.kubectl("create", "configmap", f"write-{number}")
        make("snapshot", f"DIRECTORY={place}")
        live.kubectl("create", "configmap", "later")
        for name in [*THREE, WORKER]:
            machines.delete_machine(HA, name)
        cluster.prepare_machines(HA, live.stack.kubernetes)
        (bundle,) = place.glob("*.bundle")
        yield live, bundle
    finally:
        cluster.take_down(stack(THREE, [WORKER]))


def test_three_control_planes_come_back_by_the_advice(
    lost: tuple[HaCluster, Path], say: Callable[[str], None], tmp_path: Path
) -> None:
    """The refusal names the commands that forget the lost machines; each is run as it is printed."""
    live, bundle = lost
    began = time.monotonic()
    printed = make("restore", f"BUNDLE={bundle}")
    assert "expected a stack without machines" in printed, printed
    commands = re.findall(r"pulumi (st[^,;]+)", printed)
    assert len(commands) == 2, printed
    for command in commands:
        words = shlex.split(command.replace("lost.json", str(tmp_path / "lost.json")))
        live.stack.pulumi(*words, step="follow the advice")
    assert "the next update begins with the bundle" in make("restore", f"BUNDLE={bundle}")
    live.up()
    say(f"restore of three control planes, and update: {time.monotonic() - began:.0f} s")
    there = live.kubectl("get", "configmaps", "--output", "name")
    assert [number for number in WRITES if f"configmap/write-{number}\n" not in there] == []
    assert "configmap/later\n" not in there
    assert live.ready_nodes() == {*THREE, WORKER}
    assert live.etcd_members("node2") == [(name, True) for name in THREE]
    live.up("--expect-no-changes")
