"""From one patch release to the newest one of its minor.

Of a cell with an older patch: `make e2e KUBERNETES=1.36.1`.
"""

from __future__ import annotations

import pytest

from local import mirror
from tests.e2e.cell import CELL
from tests.e2e.conftest import Cluster, configure, machine_names
from tests.e2e.requested_service import bring_up_service, counted_requests, is_unschedulable, versions
from tests.e2e.watching import logins, previewed, visits

NEW = CELL.newer_patch or ""


@pytest.fixture(scope="module")
def upgraded(live: Cluster) -> Cluster:
    """The cluster, after one edit of its stack file, on machines whose package lists do not have the new patch yet."""
    mirror.build(NEW)
    bring_up_service(live)
    for machine in machine_names():
        live.on(machine, "rm /var/lib/apt/lists/*v1.*; apt-cache madison kubelet | grep . && exit 1 || true")
    configure("set", "--path", "cluster.kubernetesVersion", NEW)
    announced = [line.strip() for line in previewed().plan.splitlines() if "upgraded from" in line]
    assert [line.partition(":")[0] for line in announced] == list(machine_names())
    assert all(f"upgraded from {CELL.kubernetes} to {NEW}" in line for line in announced)
    before = logins(live)
    with counted_requests() as requests:
        live.stack.up()
    print(f"patch: logins {visits(live, before)}, {requests.answered} requests answered, {requests.lost} lost")
    assert requests.lost == 0, requests.errors[:5]
    return live


def test_every_node_has_the_new_patch_and_takes_pods(upgraded: Cluster) -> None:
    """API server, kubelets and packages, which are held again."""
    assert f"v{NEW}" in upgraded.kubectl("version")
    assert versions(upgraded) == dict.fromkeys(machine_names(), NEW)
    for machine in machine_names():
        assert not is_unschedulable(upgraded, machine)
        held = upgraded.on(
            machine, "apt-mark showhold; dpkg-query --show --showformat '${Version}\\n' kubeadm kubelet kubectl"
        )
        assert held.split() == ["kubeadm", "kubectl", "kubelet", *[f"{NEW}-1.1"] * 3]


def test_there_is_nothing_left_to_do(upgraded: Cluster) -> None:
    """etcd was saved before."""
    upgraded.stack.up(None, "--expect-no-changes")
    bundles = upgraded.on(machine_names()[0], "ls /var/lib/pulumi-kubeadm/etcd-snapshots")
    assert f"-before-{NEW}.bundle" in bundles
