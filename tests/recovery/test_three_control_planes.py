"""Three control planes lose their power, then two of them, then all: what was acknowledged is there each time."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local import cluster, machines
from local.paths import REPOSITORY
from problem import StepError
from tests.ha.machines import HA, WORKER, HaCluster, hosts, on_machine, stack, until
from tests.ha.requests import requests
from tests.recovery.commands import KEY, make, name_recipient, power_off, power_on
from tests.recovery.writer import Saved, save_while_writing

THREE = ["node1", "node2", "node3"]
KEPT, LOST = "node2", ["node1", "node3"]
ELSEWHERE = replace(HA, machines={"node1": 21, "node2": 22, "node3": 23, WORKER: 24})
"""New machines with the names of the lost ones, at other addresses."""
ENCRYPTION = {"keys": [{"name": "k1", "secret": "k1Key"}]}
CANARY = "canary-of-recovery"
PAGE = "docs/how-to/renew-certificates.md"
EXPIRE = REPOSITORY / "tests/e2e/test_lifecycle/expire_certificates.sh"
READY = "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz"
READY_SECONDS = 300
"""Of two busy cores; 120 are the aim."""


@pytest.fixture(scope="module")
def three(place: Path) -> Iterator[HaCluster]:
    """Three control planes and a worker, with encrypted Secrets and encrypted bundles."""
    cluster.take_down(stack(THREE, [WORKER]))
    made = stack(THREE, [WORKER], encryption=ENCRYPTION)
    try:
        access = cluster.prepare_machines(HA, made.kubernetes)
        made.configure(access)
        live = HaCluster(made, access)
        name_recipient(live, place)
        live.make_key("k1Key")
        live.up()
        machines.copy_from(HA, THREE[0], "/usr/bin/kubectl", cluster.kubectl(HA))
        live.kubectl("create", "secret", "generic", "canary", f"--from-literal=password={CANARY}")
        yield live
    finally:
        cluster.take_down(made)


@pytest.fixture(scope="module")
def saved(three: HaCluster, place: Path) -> Saved:
    """A bundle that was made while a writer wrote."""
    return save_while_writing(three, place)


def ready_since(live: HaCluster, moment: str) -> set[str]:
    """Names of the nodes that are Ready, and whose kubelets have renewed their leases since a moment."""
    show = ("get", "leases", "--namespace", "kube-node-lease", "--output", "json", "--request-timeout=5s")
    try:
        leases = json.loads(live.kubectl(*show))["items"]
        ready = live.ready_nodes()
    except (subprocess.SubprocessError, ValueError):
        return set()
    return ready & {each["metadata"]["name"] for each in leases if each["spec"]["renewTime"] > moment}


def test_all_machines_that_lose_their_power_at_once_come_back_unaided(
    three: HaCluster, say: Callable[[str], None]
) -> None:
    """With everything that was acknowledged."""
    three.kubectl("create", "configmap", "before-power-cut")
    power_off(*THREE, WORKER)
    moment, began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), time.monotonic()
    power_on(*THREE, WORKER)
    while ready_since(three, moment) != {*THREE, WORKER}:
        assert time.monotonic() - began < READY_SECONDS
        time.sleep(2)
    say(f"all machines lost their power: Ready after {time.monotonic() - began:.0f} s")
    assert "before-power-cut" in three.kubectl("get", "configmaps", "--output", "name")
    assert three.etcd_members(KEPT) == [(name, True) for name in THREE]


def test_certificates_that_have_all_expired_are_renewed_by_the_page(
    three: HaCluster, say: Callable[[str], None]
) -> None:
    """The error of the update names the page; its commands, and the same update, end with valid certificates."""
    for name in THREE:
        on_machine(name, EXPIRE.read_text())
    three.edit(hosts(THREE, [WORKER]), certificateGeneration=1)
    with pytest.raises(StepError) as error:
        three.up()
    assert PAGE in str(error.value)
    (commands,) = re.findall(r"```\n(kubeadm.*?)```", (REPOSITORY / PAGE).read_text(), re.DOTALL)
    began, moment = time.monotonic(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name in THREE:
        on_machine(name, commands)
    until(lambda: all(on_machine(name, READY) == "ok" for name in THREE), READY_SECONDS)
    say(f"expired certificates of three: ready {time.monotonic() - began:.0f} s after the first command")
    three.up()
    until(lambda: ready_since(three, moment) == {*THREE, WORKER}, READY_SECONDS)
    three.up("--expect-no-changes")


def test_nothing_is_recovered_while_a_majority_serves(three: HaCluster) -> None:
    """Nothing is changed."""
    before = three.etcd_members(KEPT)
    printed = make("recover", f"HOST={KEPT}")
    assert "expected no other member of etcd that answers" in printed, printed
    assert three.etcd_members(KEPT) == before
    assert on_machine(KEPT, "ls /var/lib/etcd") == "member\n"


def test_a_bundle_has_every_write_that_was_acknowledged_before_it(saved: Saved, say: Callable[[str], None]) -> None:
    """How many is known; `test_three_control_planes_come_back_by_the_advice` looks for them."""
    say(f"acknowledged before the bundle of three: {len(saved.before)} writes")


def test_one_of_three_goes_on(three: HaCluster, say: Callable[[str], None]) -> None:
    """Every write that was acknowledged is there, the old data are kept, and the stack is well again."""
    numbers = range(30)
    for number in numbers:
        three.kubectl("create", "configmap", f"write-{number}")
    power_off(*LOST)
    began = time.monotonic()
    printed = make("recover", f"HOST={KEPT}")
    say(f"recovery of one of three: {time.monotonic() - began:.0f} s")
    assert "etcd goes on with this member alone" in printed, printed
    before, member = on_machine(KEPT, "ls /var/lib/etcd").split()
    assert (before.startswith("before-recovery-2"), member) == (True, "member")
    assert "force-new-cluster" not in on_machine(KEPT, "cat /etc/kubernetes/manifests/etcd.yaml")
    lines = hosts(THREE, [WORKER])
    three.edit({name: {**line, "gone": True} if name in LOST else line for name, line in lines.items()})
    three.up()
    there = three.kubectl("get", "configmaps", "--output", "name")
    assert [number for number in numbers if f"configmap/write-{number}\n" not in there] == []
    assert three.etcd_members(KEPT) == [(KEPT, True)]
    assert three.ready_nodes() == {KEPT, WORKER}
    three.up("--expect-no-changes")


PORT = "--table raw {} PREROUTING --protocol tcp --dport 6443 --source " + HA.address(WORKER)


def count_packets(name: str) -> None:
    """Begin to count what a machine gets from the worker for its API server."""
    on_machine(name, f"iptables --wait 10 {PORT.format('--insert')}")


def packets(name: str) -> int:
    """Number of packets since then."""
    listed = on_machine(name, "iptables --wait 10 --table raw --list PREROUTING --verbose --exact --numeric")
    return sum(int(line.split()[0]) for line in listed.splitlines() if "dpt:6443" in line)


def test_the_lost_ones_do_no_harm_when_they_come_back(three: HaCluster, say: Callable[[str], None]) -> None:
    """They are a majority of the old cluster; no request of a worker reaches them."""
    three.kubectl("create", "configmap", "after-recovery")
    count_packets(KEPT)
    with requests(KEPT) as results:
        power_on(*LOST)
        for name in LOST:
            count_packets(name)
        time.sleep(90)
    say(f"the lost ones are back: {results}")
    assert not results.failed, results.failed[:10]
    assert [packets(name) for name in LOST] == [0, 0]
    assert packets(KEPT) > len(results.sent)
    assert "after-recovery" in three.kubectl("get", "configmaps", "--output", "name")
    assert three.ready_nodes() == {KEPT, WORKER}


def forget_state(live: HaCluster, printed: str, directory: Path) -> None:
    """Run the commands that a refusal of `make restore` names, as they are printed."""
    assert "expected a stack without machines" in printed, printed
    commands = re.findall(r"pulumi (st[^,;]+)", printed)
    assert len(commands) == 2, printed
    for command in commands:
        words = shlex.split(command.replace("lost.json", str(directory / "lost.json")))
        live.stack.pulumi(*words, step="follow the advice")


def test_three_control_planes_come_back_by_the_advice(
    three: HaCluster, saved: Saved, place: Path, say: Callable[[str], None], tmp_path: Path
) -> None:
    """All machines are lost, the state of Pulumi is there. The keys of Secrets are read before the state is deleted."""
    for name in HA.machines:
        machines.delete_machine(HA, name)
    cluster.prepare_machines(ELSEWHERE, three.stack.kubernetes)
    lines = hosts(THREE, [WORKER])
    lines = {name: {**line, "address": ELSEWHERE.address(name)} for name, line in lines.items()}
    restore = f"BUNDLE={saved.bundle}", f"KEY={place / KEY}"
    began = time.monotonic()
    three.edit(lines, encryption=None)
    assert "saw none named k1" in make("restore", *restore)
    three.edit(lines, encryption=ENCRYPTION)
    forget_state(three, make("restore", *restore), tmp_path)
    printed = make("restore", *restore)
    assert "node1: the next update begins with the bundle" in printed, printed
    three.up()
    say(f"restore of three control planes, and update: {time.monotonic() - began:.0f} s")
    assert (saved.lost(three), saved.later(three)) == ([], [])
    names = three.kubectl("get", "configmaps", "--output", "name").split()
    assert {"configmap/write-0", "configmap/after-recovery"}.isdisjoint(names)
    assert three.ready_nodes() == {*THREE, WORKER}
    assert three.etcd_members(KEPT) == [(name, True) for name in THREE]
    # Each API server by itself: admin.conf leads a control plane to its own.
    show = "kubectl --kubeconfig /etc/kubernetes/admin.conf get secret canary --output 'jsonpath={.data.password}'"
    assert {base64.b64decode(on_machine(name, show)).decode() for name in THREE} == {CANARY}
    three.up("--expect-no-changes")


def test_a_running_cluster_is_not_restored(three: HaCluster, saved: Saved, place: Path, tmp_path: Path) -> None:
    """Also where Pulumi has forgotten it: the marks of the machine show the cluster, and it serves on."""
    restore = f"BUNDLE={saved.bundle}", f"KEY={place / KEY}"
    forget_state(three, make("restore", *restore), tmp_path)
    printed = make("restore", *restore)
    assert "expected a machine without a cluster" in printed, printed
    assert three.ready_nodes() == {*THREE, WORKER}
