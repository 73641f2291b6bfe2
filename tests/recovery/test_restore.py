"""All machines are lost: a bundle and a new stack file with other machines give the cluster of the snapshot."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import cluster, machines
from tests.ha.machines import HA, WORKER, HaCluster, on_machine, stack
from tests.recovery.commands import KEY, make, name_recipient
from tests.recovery.conftest import ONLY
from tests.recovery.writer import save_while_writing

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
OLD, NEW = ([ONLY], [WORKER]), (["node2"], ["node5"])


def test_a_cluster_is_restored_on_other_machines(one: HaCluster, place: Path, say: Callable[[str], None]) -> None:
    """Without the state of Pulumi: objects and tokens of the snapshot, nothing of later, no node of a lost machine."""
    name_recipient(one, place)
    one.up()
    one.kubectl("create", "serviceaccount", "robot")
    one.kubectl("create", "clusterrolebinding", "robot", "--clusterrole", "view", "--serviceaccount", "default:robot")
    token = one.kubectl("create", "token", "robot", "--duration", "24h").strip()
    saved = save_while_writing(one, place)
    one.kubectl("create", "configmap", "later")
    seen_last = one.kubectl("get", "configmap", "later", "--output", "jsonpath={.metadata.resourceVersion}")
    cluster.take_down(stack(*OLD))

    made = stack(*NEW)
    access = cluster.prepare_machines(HA, made.kubernetes)
    made.configure(access)
    restored = HaCluster(made, access)
    name_recipient(restored, place)
    assert "the key for which the bundle is encrypted" in make("restore", f"BUNDLE={saved.bundle}")
    began = time.monotonic()
    printed = make("restore", f"BUNDLE={saved.bundle}", f"KEY={place / KEY}")
    assert "node2: the next update begins with the bundle" in printed, printed
    restored.up()
    say(f"restore and update: {time.monotonic() - began:.0f} s")
    machines.copy_from(HA, "node2", "/usr/bin/kubectl", cluster.kubectl(HA))
    assert (saved.lost(restored), saved.later(restored)) == ([], [])
    say(f"acknowledged before the bundle: {len(saved.before)} writes, all of them there")
    assert "configmap/later\n" not in restored.kubectl("get", "configmaps", "--output", "name")
    nodes = json.loads(restored.kubectl("get", "nodes", "--output", "json"))["items"]
    assert {node["metadata"]["name"] for node in nodes} == {"node2", "node5"}
    assert restored.ready_nodes() == {"node2", "node5"}
    assert json.loads(api_answer(token, f"{CONFIGMAPS}/numbered-1"))["metadata"]["name"] == "numbered-1"
    # Whoever watched goes on with the last revision that it saw, which the new etcd must not take for one to come.
    watched = api_answer(token, f"{CONFIGMAPS}?watch=1&timeoutSeconds=10&resourceVersion={seen_last}")
    assert re.search(r'"code": ?410\b', watched), watched
    wait_for_pods(restored, 180)
    restored.up("--expect-no-changes")
    assert "expected a stack without machines" in make("restore", f"BUNDLE={saved.bundle}", f"KEY={place / KEY}")


def api_answer(token: str, path: str) -> str:
    """Answer of the API of the restored cluster to a user of the lost one."""
    url = f"https://127.0.0.1:6443{path}"
    return on_machine("node2", f"curl --silent --insecure --header 'Authorization: Bearer {token}' '{url}'")


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
