"""An etcd whose data are gone serves no empty cluster, and bundles are taken whatever happens."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from local import cluster
from local.paths import REPOSITORY
from tests.ha.machines import HA, WORKER, HaCluster, bring_up, on_machine, stack

ONLY = "node1"
WAIT_SECONDS = 100
SERVES = (
    "curl --silent --insecure --max-time 3 --output /dev/null --write-out '%{http_code}' https://127.0.0.1:6443/readyz"
)


@pytest.fixture(scope="module")
def live() -> Iterator[HaCluster]:
    """A control plane and a worker."""
    cluster.take_down(stack([ONLY], [WORKER]))
    try:
        yield bring_up([ONLY], [WORKER])
    finally:
        cluster.take_down(stack([ONLY], [WORKER]))


def answers_while_data_are_gone(seconds: int) -> set[str]:
    """Statuses of the API server of a machine that starts without the data of etcd; they come back afterwards."""
    on_machine(ONLY, "mv /var/lib/etcd/member /var/lib/etcd-away")
    subprocess.run(["podman", "restart", "--time", "20", HA.container(ONLY)], check=True, capture_output=True)
    seen, end = set(), time.monotonic() + seconds
    while time.monotonic() < end:
        seen.add(on_machine(ONLY, f"{SERVES} || true"))
        time.sleep(1)
    on_machine(ONLY, "rm -rf /var/lib/etcd/member; mv /var/lib/etcd-away /var/lib/etcd/member")
    return seen


def test_a_machine_that_starts_without_the_data_of_etcd_serves_no_empty_cluster(live: HaCluster) -> None:
    """As with a disk that is not mounted. With its data it goes on."""
    manifest = on_machine(ONLY, "cat /etc/kubernetes/manifests/etcd.yaml")
    assert manifest.count("--initial-cluster-state=existing") == 1
    live.kubectl("create", "configmap", "known")
    assert "200" not in answers_while_data_are_gone(WAIT_SECONDS)
    end = time.monotonic() + 300
    while on_machine(ONLY, f"{SERVES} || true") != "200":
        assert time.monotonic() < end
        time.sleep(2)
    assert "known" in live.kubectl("get", "configmaps", "--output", "name")


def test_the_timer_saves_etcd(live: HaCluster) -> None:
    """Its service works, and others on the machine do not read what it writes."""
    on_machine(ONLY, "systemctl is-enabled kubernetes-backup.timer; systemctl start kubernetes-backup.service")
    listed = on_machine(ONLY, "stat --format '%a %s %n' /var/lib/pulumi-kubeadm/etcd-snapshots/*")
    (line,) = listed.splitlines()
    mode, size, name = line.split()
    assert mode == "600"
    assert int(size) > 100_000
    owner = on_machine(ONLY, "cat /var/lib/pulumi-kubeadm/owner")
    assert f"/{HA.name}-{owner.strip()}-{ONLY}-" in name


def test_status_has_nothing_to_say_of_etcd(live: HaCluster) -> None:
    """Members, leader, size and the age of the bundle are as they should be."""
    command = ["make", "--silent", "status", f"STACK={HA.name}"]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    assert "etcd" not in printed, printed


def test_a_power_cut_during_a_snapshot_leaves_no_half_bundle(live: HaCluster) -> None:
    """The next one is whole."""
    before = on_machine(ONLY, "ls /var/lib/pulumi-kubeadm/etcd-snapshots")
    on_machine(ONLY, "systemctl start --no-block kubernetes-backup.service; sleep 1.5")
    subprocess.run(["podman", "kill", "--signal", "KILL", HA.container(ONLY)], check=True, capture_output=True)
    subprocess.run(["podman", "start", HA.container(ONLY)], check=True, capture_output=True)
    wait_until_it_serves()
    whole = "for each in /var/lib/pulumi-kubeadm/etcd-snapshots/*.bundle; do gzip --test $each; done"
    on_machine(ONLY, whole)
    on_machine(ONLY, f"systemctl start kubernetes-backup.service; {whole}")
    after = on_machine(ONLY, "ls /var/lib/pulumi-kubeadm/etcd-snapshots")
    assert len(after.split()) > len(before.split())
    assert ".new" not in after


def wait_until_it_serves() -> None:
    """The API server of the control plane is ready within five minutes."""
    end = time.monotonic() + 300
    while on_machine(ONLY, f"{SERVES} || true") != "200":
        assert time.monotonic() < end
        time.sleep(2)


MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
LISTS = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf get configmaps --output name"
STOP = """
systemctl stop kubelet
# An API server that runs on serves what it remembers of the etcd before.
crictl ps --quiet --name '^(etcd|kube-apiserver)$' | xargs --no-run-if-empty crictl stop
"""
PUT_BACK = f"""{STOP}
rm -rf /var/lib/etcd/member
mv /var/lib/etcd-away /var/lib/etcd/member
cp /var/lib/etcd-manifest.yaml {MANIFEST}
systemctl start kubelet
"""


def test_the_manifest_of_kubeadm_itself_serves_an_empty_cluster(live: HaCluster) -> None:
    """It is the argument that prevents it: without it the cluster seems to be there, and has no object."""
    live.kubectl("create", "configmap", "not-lost")
    on_machine(
        ONLY,
        f"cp {MANIFEST} /var/lib/etcd-manifest.yaml; sed --in-place '/--initial-cluster-state=existing/d' {MANIFEST}",
    )
    wait_until_it_serves()
    on_machine(ONLY, f"{STOP} mv /var/lib/etcd/member /var/lib/etcd-away; systemctl start kubelet")
    try:
        wait_until_it_serves()
        # The groups of an empty cluster have no rights yet, but for that of this kubeconfig.
        assert "not-lost" not in on_machine(ONLY, LISTS)
    finally:
        on_machine(ONLY, PUT_BACK)
    wait_until_it_serves()
    assert "not-lost" in on_machine(ONLY, LISTS)
    assert "not-lost" in live.kubectl("get", "configmaps", "--output", "name")
