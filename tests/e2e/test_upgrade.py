"""From 1.35 to 1.36 on running machines, and a new worker in the same edit, during requests to a service."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import pytest

from local import cluster, machines, mirror
from local.stack import LocalStack
from tests.e2e.conftest import E2E, STACK, Cluster, configure, machine_names, on_machine
from tests.e2e.requested_service import bring_up_service, counted_requests, is_done, is_unschedulable, versions
from tests.e2e.watching import begun, kill, logins, previewed, until, visits

OLD, NEW = "1.35.4", "1.36.3"
FIRST, SECOND, THIRD = machine_names()
FOURTH = "e2e4"
WITH_FOURTH = dataclasses.replace(E2E, machines={**E2E.machines, FOURTH: 7})


@pytest.fixture(scope="module")
def live() -> Iterator[Cluster]:
    """A control plane and two workers of the old version, with a service of two replicas; a fourth machine waits."""
    stack = LocalStack(WITH_FOURTH, STACK.source)
    cluster.take_down(stack)
    mirror.build(NEW)
    access = cluster.prepare_machines(WITH_FOURTH, OLD)
    STACK.configure(access)
    configure("set", "--path", "cluster.kubernetesVersion", OLD)
    cluster.bring_up(STACK, access)
    found = Cluster(access)
    bring_up_service(found)
    yield found
    cluster.take_down(stack)


def test_the_preview_of_an_upgrade_says_its_order(live: Cluster) -> None:
    """etcd, control plane, one worker, the other one; and the new one."""
    configure("set", "--path", "cluster.kubernetesVersion", NEW)
    configure("set", "--path", f"hosts.{FOURTH}.address", WITH_FOURTH.address(FOURTH))
    plan = [line.strip() for line in previewed().plan.splitlines()]
    announced = [line for line in plan if "upgraded from" in line]
    assert [line.partition(":")[0] for line in announced] == [FIRST, SECOND, THIRD]
    assert all(f"upgraded from {OLD} to {NEW}" in line for line in announced)
    assert f"{FOURTH}: is prepared and joins, Kubernetes {NEW}" in plan


def test_an_upgrade_that_is_killed_goes_on_where_it_was_and_loses_no_request(
    live: Cluster, say: Callable[[str], None]
) -> None:
    """Killed when the first worker has the new version; no node that is done is touched again."""
    with counted_requests() as requests:
        began, at_first = time.monotonic(), logins(live)
        killed = begun("up")
        until(lambda: is_done(live, SECOND, NEW) or killed.poll() is not None, seconds=900)
        kill(killed)
        assert versions(live)[FIRST] == NEW
        before = logins(live)
        applied = on_machine(FIRST, "stat --format %Y /var/lib/pulumi-kubeadm/control-plane-version")
        live.stack.up()
        taken = time.monotonic() - began
    assert versions(live) == dict.fromkeys([*machine_names(), FOURTH], NEW)
    assert on_machine(FIRST, "stat --format %Y /var/lib/pulumi-kubeadm/control-plane-version") == applied
    assert visits(live, before)[SECOND] <= 1, "at most to look whether what was killed had succeeded"
    say(
        f"upgrade: {taken:.0f} s, logins {visits(live, at_first)},"
        f" {requests.answered} requests answered, {requests.lost} lost"
    )
    assert requests.answered > 1000
    assert requests.lost == 0, requests.errors[:5]


def test_after_an_upgrade_everything_is_of_the_new_version(live: Cluster) -> None:
    """API server, packages, package repository, holds; nothing stays drained, and etcd was saved."""
    assert f"v{NEW}" in live.kubectl("version")
    for machine in machine_names():
        assert not is_unschedulable(live, machine)
        held = on_machine(
            machine, "apt-mark showhold; dpkg-query --show --showformat '${Version}\\n' kubeadm kubelet kubectl"
        )
        assert held.split() == ["kubeadm", "kubectl", "kubelet", *[f"{NEW}-1.1"] * 3]
        assert "v1.36/deb" in on_machine(machine, "cat /etc/apt/sources.list.d/kubernetes.list")
    assert f"-before-{NEW}.bundle" in on_machine(FIRST, "ls /var/lib/pulumi-kubeadm/etcd-snapshots")
    live.stack.up(None, "--expect-no-changes")


def test_the_stack_of_a_lost_control_plane_can_be_destroyed(live: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/how-to/lost-control-plane.md, in part: the cluster goes with its machine: the last test here."""
    before = logins(live)
    machines.delete_machine(E2E, FIRST)
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    live.stack.destroy()
    assert {machine: live.logins(machine) for machine in (SECOND, THIRD)} == {
        machine: before[machine] for machine in (SECOND, THIRD)
    }
