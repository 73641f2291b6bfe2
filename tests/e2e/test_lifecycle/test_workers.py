"""Workers come and go: each test is one edit of the stack file and `pulumi up`. They run in the order of this file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.e2e.cell import CELL
from tests.e2e.conftest import E2E, Cluster, configure, failure, machine_names
from tests.e2e.watching import add, logins, node_names, previewed, remove, touched, visits

FIRST, SECOND, THIRD = machine_names()
ADDRESSES = "kube-system/pulumi-kubeadm-nodes"


def test_a_worker_that_is_removed_is_drained_deleted_and_reset(live: Cluster, say: Callable[[str], None]) -> None:
    """A drain that cannot finish says which pod, and the next `pulumi up` goes on. Nobody else is touched."""
    live.kubectl("apply", "--filename=-", standard_input=json.dumps(guarded(live.access.probe_image)))
    live.kubectl("rollout", "status", "deployment/guarded", "--timeout=120s")
    remove(THIRD)
    configure("set", "--path", "policy.drainTimeoutSeconds", "15")
    seen = failure()
    assert f"membership: expected node {THIRD} to drain within" in seen
    assert "pods that stay: default/guarded-" in seen
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert "unschedulable" not in live.get("node", THIRD)["spec"], "whoever takes the edit back finds all as it was"
    live.kubectl("delete", "poddisruptionbudget/guarded", "deployment/guarded")
    before, began = logins(live), time.monotonic()
    live.stack.up()
    say(f"removed: {time.monotonic() - began:.0f} s, logins {visits(live, before)}")
    assert node_names(live) == [FIRST, SECOND]
    assert visits(live, before)[SECOND] == 0
    assert what_is_left_on(live, THIRD) == {}


def test_the_preview_of_a_new_worker_shows_its_own_resources_and_nothing_else(live: Cluster) -> None:
    """Its preparation, images, membership and join, and its address for those who approve its certificate."""
    add(THIRD)
    seen = previewed()
    steps = {f"{THIRD}/{step}" for step in ("prepare", "images", "membership", "join")}
    assert touched(seen) == {THIRD, *steps, ADDRESSES}
    assert seen.plan.splitlines()[1:] == [f"  {THIRD}: is prepared and joins, Kubernetes {CELL.kubernetes}"]


def test_a_join_whose_token_expired_is_made_up_for_by_a_plain_up(live: Cluster) -> None:
    """The machine cannot reach the API server at first; then its token is gone."""
    live.on(THIRD, f"ip route add unreachable {E2E.address(FIRST)}")
    seen = failure()
    assert f"{THIRD}: join: expected the API server at https://api.{E2E.name}.internal:6443 to answer" in seen
    live.on(THIRD, f"ip route del unreachable {E2E.address(FIRST)}")
    live.on(FIRST, "kubeadm token list -o jsonpath='{.token}{\"\\n\"}' | xargs --no-run-if-empty kubeadm token delete")
    before = logins(live)
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert visits(live, before) == {FIRST: 1, SECOND: 0, THIRD: 1}


def test_two_workers_that_are_removed_at_once_leave_one_after_the_other(live: Cluster) -> None:
    """A service with a disruption budget always has a pod, and ends on the node that is left."""
    live.kubectl("apply", "--filename=-", standard_input=json.dumps(guarded(live.access.probe_image, pinned=False)))
    live.kubectl("rollout", "status", "deployment/guarded", "--timeout=120s")
    for worker in (SECOND, THIRD):
        remove(worker)
    configure("set", "--path", "policy.drainTimeoutSeconds", "120")
    live.stack.up()
    assert node_names(live) == [FIRST]
    live.kubectl("wait", "--for=condition=Available", "deployment/guarded", "--timeout=60s")
    live.kubectl("delete", "poddisruptionbudget/guarded", "deployment/guarded")
    assert [what_is_left_on(live, worker) for worker in (SECOND, THIRD)] == [{}, {}]


def test_leftovers_of_another_cluster_are_never_reset(live: Cluster) -> None:
    """Not even where the stack may reset what it left half-done."""
    live.on(SECOND, "mkdir -p /etc/kubernetes; echo of-another-cluster >/etc/kubernetes/kubelet.conf")
    add(SECOND)
    configure("set", "--path", "policy.resetOnFailure", "true")
    seen = failure()
    assert f"{SECOND}: prepare: expected a machine without Kubernetes" in seen
    assert live.on(SECOND, "cat /etc/kubernetes/kubelet.conf") == "of-another-cluster\n"
    live.on(SECOND, "rm /etc/kubernetes/kubelet.conf")
    live.stack.up()
    assert node_names(live) == [FIRST, SECOND]


def test_a_worker_that_is_added_costs_one_visit_to_the_control_plane_and_none_to_others(
    live: Cluster, say: Callable[[str], None]
) -> None:
    """The machine that was reset joins as any other."""
    add(THIRD)
    before, began = logins(live), time.monotonic()
    live.stack.up()
    say(f"added: {time.monotonic() - began:.0f} s, logins {visits(live, before)}")
    assert node_names(live) == [FIRST, SECOND, THIRD]
    assert visits(live, before) == {FIRST: 1, SECOND: 0, THIRD: 4}, "for the scripts, prepare, images, and join"
    assert live.on(THIRD, f"getent hosts {SECOND}").split()[0] == E2E.address(SECOND)


@pytest.mark.parametrize("worker", [SECOND, THIRD])
def test_workers_that_came_back_run_pods(live: Cluster, worker: str) -> None:
    """The pod network of the time before is not in their way."""
    overrides = {"spec": {"nodeName": worker}}
    live.kubectl("run", f"on-{worker}", f"--image={live.access.probe_image}", f"--overrides={json.dumps(overrides)}")
    live.kubectl("wait", "--for=condition=Ready", f"pod/on-{worker}", "--timeout=90s")
    live.kubectl("delete", "pod", f"on-{worker}", "--grace-period=1")


def what_is_left_on(live: Cluster, machine: str) -> dict[str, str]:
    """What is found on a machine that should be as before the stack, by how it was found."""
    looks = (
        "find /etc/kubernetes /etc/cni/net.d -mindepth 1",
        "find /var/lib/pulumi-kubeadm /etc/apt/sources.list.d/kubernetes.list /etc/crictl.yaml 2>/dev/null || true",
        "iptables-save | grep -E 'KUBE|cali' || true",
        "ip -brief link show | grep -E 'cali|vxlan' || true",
        "apt-mark showhold",
        "grep pulumi /etc/hosts || true",
    )
    return {look: seen for look in looks if (seen := live.on(machine, look))}


def guarded(image: str, *, pinned: bool = True) -> dict[str, object]:
    """A deployment with a disruption budget: two pods, or one that is pinned to the third node."""
    labels = {"app": "guarded"}
    pod = {
        **({"nodeSelector": {"kubernetes.io/hostname": THIRD}} if pinned else {}),
        "containers": [{"name": "probe", "image": image}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "guarded", "namespace": "default"},
        "spec": {
            "replicas": 1 if pinned else 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "guarded", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, budget]}
