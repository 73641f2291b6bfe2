"""All machines are lost: a bundle and a new stack file with other machines give the cluster of the snapshot."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import cluster, machines
from tests.ha.machines import HA, HaCluster, bring_up, on_machine, stack
from tests.recovery.commands import make

OBJECT = "/api/v1/namespaces/default/configmaps/write-0"
OLD, NEW = (["node1"], ["node4"]), (["node2"], ["node5"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the recipient of bundles, and its key."""
    directory = tmp_path_factory.mktemp("backup")
    files = ["-keyout", str(directory / "backup.key"), "-out", str(directory / "backup.crt")]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=backup", *files]
    subprocess.run(new, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def lost(place: Path) -> Iterator[HaCluster]:
    """A cluster that is saved, and goes on for a while."""
    cluster.take_down(stack(*OLD))
    try:
        yield bring_up(*OLD)
    finally:
        cluster.take_down(stack(*NEW))


def with_recipient(live: HaCluster, place: Path) -> None:
    """The stack file names the recipient."""
    content = yaml.safe_load(live.stack.file.read_text())
    content["config"]["kubeadm:backup"] = {"recipient": str(place / "backup.crt")}
    live.stack.file.write_text(yaml.safe_dump(content))


def test_a_cluster_is_restored_on_other_machines(lost: HaCluster, place: Path, say: Callable[[str], None]) -> None:
    """Without the state of Pulumi: objects and tokens of the snapshot, nothing of later, no node of a lost machine."""
    with_recipient(lost, place)
    lost.up()
    numbers = range(30)
    for number in numbers:
        lost.kubectl("create", "configmap", f"write-{number}")
    lost.kubectl("create", "serviceaccount", "robot")
    lost.kubectl("create", "clusterrolebinding", "robot", "--clusterrole", "view", "--serviceaccount", "default:robot")
    token = lost.kubectl("create", "token", "robot", "--duration", "24h").strip()
    printed = make("snapshot", f"DIRECTORY={place}")
    (bundle,) = place.glob("*.bundle")
    assert f"{bundle.name}: encrypted for" in printed, printed
    lost.kubectl("create", "configmap", "later")
    cluster.take_down(stack(*OLD))

    made = stack(*NEW)
    access = cluster.prepare_machines(HA, made.kubernetes)
    made.configure(access)
    restored = HaCluster(made, access)
    with_recipient(restored, place)
    assert "the key for which the bundle is encrypted" in make("restore", f"BUNDLE={bundle}")
    began = time.monotonic()
    printed = make("restore", f"BUNDLE={bundle}", f"KEY={place / 'backup.key'}")
    assert "node2: the next update begins with the bundle" in printed, printed
    restored.up()
    say(f"restore and update: {time.monotonic() - began:.0f} s")
    machines.copy_from(HA, "node2", "/usr/bin/kubectl", cluster.kubectl(HA))
    there = restored.kubectl("get", "configmaps", "--output", "name")
    assert [number for number in numbers if f"configmap/write-{number}\n" not in there] == []
    assert "configmap/later\n" not in there
    nodes = json.loads(restored.kubectl("get", "nodes", "--output", "json"))["items"]
    assert {node["metadata"]["name"] for node in nodes} == {"node2", "node5"}
    assert restored.ready_nodes() == {"node2", "node5"}
    request = f"curl --silent --insecure --header 'Authorization: Bearer {token}' https://127.0.0.1:6443{OBJECT}"
    assert json.loads(on_machine("node2", request))["metadata"]["name"] == "write-0"
    wait_for_pods(restored, 180)
    restored.up("--expect-no-changes")
    assert "expected a stack without machines" in make("restore", f"BUNDLE={bundle}", f"KEY={place / 'backup.key'}")


def wait_for_pods(live: HaCluster, seconds: int) -> None:
    """Every pod runs and is ready."""
    end = time.monotonic() + seconds
    while not_ready := [each for each in pods(live) if not is_ready(each)]:
        assert time.monotonic() < end, [each["metadata"]["name"] for each in not_ready]
        time.sleep(3)


def pods(live: HaCluster) -> list[dict[str, Any]]:
    """All pods."""
    found = json.loads(live.kubectl("get", "pods", "--all-namespaces", "--output", "json"))
    return list(found["items"])


def is_ready(pod: dict[str, Any]) -> bool:
    """True for a pod whose condition Ready is True."""
    conditions = pod["status"].get("conditions", [])
    return ("Ready", "True") in [(each["type"], each["status"]) for each in conditions]
