"""`make status` names what keeps a pod from running, and leaves alone what is only on its way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components.addons.dashboard import NAMESPACE as DASHBOARD
from tests.unit.support.recorded_cluster import Look, event, node, pod

LONG_AGO = "2026-01-01T00:00:00Z"
DESCRIBE = "Next: kubectl --namespace shop describe pod it"


def now() -> str:
    """As the API server writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, reason: str = "", message: str = "", since: str = LONG_AGO) -> dict[str, str]:
    """One that is False."""
    return {"type": kind, "status": "False", "reason": reason, "message": message, "lastTransitionTime": since}


def pod_in(phase: str, *conditions: dict[str, str], **metadata: Any) -> dict[str, Any]:
    """A pod without containers that are known."""
    of = {"namespace": "shop", "name": "it", "creationTimestamp": LONG_AGO, **metadata}
    return {"metadata": of, "spec": {}, "status": {"phase": phase, "conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("reason", "message", "seen", "next_command"),
    [
        (
            "Unschedulable",
            "1 node had untolerated taint",
            "1 node had untolerated taint",
            "takes the control-plane taint off",
        ),
        ("Unschedulable", "Insufficient memory", "Insufficient memory", DESCRIBE),
        ("SchedulerError", "binding rejected", "binding rejected", DESCRIBE),
    ],
)
def test_a_pod_that_no_node_takes_is_named(look: Look, reason: str, message: str, seen: str, next_command: str) -> None:
    """With how to take a taint off, where it is one."""
    look.items("/api/v1/pods")[0] = pod_in("Pending", condition("PodScheduled", reason, message))
    printed = look.printed()
    assert f"pod shop/it: expected a node that takes the pod,\n  saw {message}\n" in printed
    assert next_command in printed


def test_a_pod_that_no_scheduler_has_looked_at_is_named(look: Look) -> None:
    """There is none, or none of the name that the pod asks for."""
    look.items("/api/v1/pods")[0] = pod_in("Pending")
    printed = look.printed()
    assert "pod shop/it: expected the scheduler to look for a node" in printed
    assert "get pods --selector component=kube-scheduler" in printed


@pytest.mark.parametrize(
    "reason",
    [
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "InvalidImageName",
        "RunContainerError",
        "SomethingNew",
    ],
)
def test_a_container_that_cannot_be_started_is_named(look: Look, reason: str) -> None:
    """For whatever reason there will be."""
    waiting = {"reason": reason, "message": 'secret "x" not found'}
    look.items("/api/v1/pods")[0] = pod("shop", state={"waiting": waiting})
    printed = look.printed()
    assert f'pod shop/it: expected container it to start,\n  saw {reason}: secret "x" not found\n' in printed
    assert DESCRIBE in printed


def test_a_pod_whose_volumes_do_not_come_is_named(look: Look) -> None:
    """Its containers are being created for ever."""
    creating = pod("shop", containerID="", state={"waiting": {"reason": "ContainerCreating"}})
    creating["metadata"]["creationTimestamp"], creating["spec"] = LONG_AGO, {"nodeName": "node2"}
    look.items("/api/v1/pods")[0] = creating
    look.assert_well()
    for why in ("first", "MountVolume.SetUp failed"):
        look.items("/api/v1/events").append(event("FailedMount", why))
    printed = look.printed()
    assert (
        "pod shop/it: expected the volumes of the pod to be mounted,\n  saw FailedMount: MountVolume.SetUp failed\n"
        in printed
    )
    assert DESCRIBE in printed


@pytest.mark.parametrize("phase", ["Failed", "Unknown"])
def test_a_pod_that_ended_badly_is_named(look: Look, phase: str) -> None:
    """Such as one that was evicted; its successor does not take it away."""
    owner = {"kind": "ReplicaSet", "name": "it"}
    ended = pod_in(phase, ownerReferences=[owner])
    ended["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
    look.items("/api/v1/pods")[0] = ended
    printed = look.printed()
    assert (
        f"expected the pod to run,\n  saw {phase} Evicted The node was low on resource: memory.\n  {DESCRIBE}"
        in printed
    )
    assert ("kubectl --namespace shop delete pod it" in printed) == (phase == "Failed")


def test_a_pod_that_runs_and_is_not_ready_is_named(look: Look) -> None:
    """Once its node is; before, it is the node that has a problem."""
    running = pod_in("Running", condition("Ready", "ContainersNotReady", "containers with unready status: [it]"))
    running["spec"]["nodeName"] = "node2"
    look.items("/api/v1/pods")[0] = running
    printed = look.printed()
    assert f"expected the pod to be Ready,\n  saw containers with unready status: [it], since {LONG_AGO}\n" in printed
    assert DESCRIBE in printed
    look.items("/api/v1/nodes")[1] = node("node2", "Unknown")
    assert "pod shop/it" not in look.printed()


JUST_BEGUN = {
    "held back": lambda: pod_in("Pending", condition("PodScheduled", "SchedulingGated")),
    "just made": lambda: pod_in("Pending", creationTimestamp=now()),
    "just not ready": lambda: pod_in("Running", condition("Ready", "ContainersNotReady", since=now())),
    "of a Job": lambda: pod_in("Failed", ownerReferences=[{"kind": "Job", "name": "it"}]),
    "done": lambda: pod_in("Succeeded", condition("Ready", "PodCompleted")),
    "being deleted": lambda: pod_in("Pending", deletionTimestamp=LONG_AGO),
    "creating": lambda: pod("shop", state={"waiting": {"reason": "ContainerCreating"}}),
    "initializing": lambda: pod("shop", state={"waiting": {"reason": "PodInitializing"}}),
    "without a state": lambda: pod("shop", state={}),
}
"""Made when the test runs: what is young when tests are collected may be old by then."""


@pytest.mark.parametrize("which", JUST_BEGUN)
def test_a_pod_on_its_way_is_no_problem(look: Look, which: str) -> None:
    """Nor one that somebody holds back, one that did its work, or one whose Job starts another."""
    look.items("/api/v1/pods")[0] = JUST_BEGUN[which]()
    look.assert_well()


@pytest.mark.parametrize("written", [{}, {"involvedObject": None}, {"involvedObject": {"kind": "Pod"}}])
def test_an_event_of_nothing_is_no_problem(look: Look, written: dict[str, Any]) -> None:
    """Programs of others write events too."""
    look.items("/api/v1/events").append(written)
    look.assert_well()


@pytest.mark.parametrize("why", ["401 Unauthorized", "no basic auth credentials", "authorization failed"])
def test_an_image_without_credentials_is_named(look: Look, why: str) -> None:
    """The back-off itself does not say why; the event before it does."""
    look.items("/api/v1/pods")[0] = pod(
        "shop", state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}
    )
    messages = [f'Failed to pull image "hub.example.com/it:1": {why}', "Error: ErrImagePull", "Error: ImagePullBackOff"]
    look.items("/api/v1/events").extend(event("Failed", each) for each in messages)
    printed = look.printed()
    assert f"pod shop/it: expected credentials for hub.example.com,\n  saw Failed: {messages[0]}" in printed
    assert "images.pullSecretNamespaces" in printed


def test_an_image_that_is_not_there_is_named(look: Look) -> None:
    """It is no matter of credentials."""
    waiting = {"reason": "ErrImagePull", "message": "hub.example.com/it:1: not found"}
    look.items("/api/v1/pods")[0] = pod("shop", state={"waiting": waiting})
    printed = look.printed()
    assert "expected image hub.example.com/it:1 to be pullable" in printed
    assert "images.pullSecretNamespaces" not in printed


def test_a_pod_whose_pause_image_cannot_be_pulled_is_named(look: Look) -> None:
    """It has no container yet: kubelet cannot make its sandbox."""
    look.items("/api/v1/pods")[0] = pod("shop", containerID="", state={"waiting": {"reason": "ContainerCreating"}})
    why = 'failed to get sandbox image "hub.example.com/pause:3.7": 401 Unauthorized'
    look.items("/api/v1/events").append(event("FailedCreatePodSandBox", why))
    assert "pod shop/it: expected the pause image to be pullable on its node" in look.printed()


@pytest.mark.parametrize(
    "state",
    [{"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": {"exitCode": 1, "reason": "Error"}}],
)
def test_a_crash_loop_of_the_dashboard_is_named(look: Look, state: dict[str, Any]) -> None:
    """Waiting for the next try, or just down."""
    last = {"terminated": {"exitCode": 2, "reason": "Error"}}
    look.items("/api/v1/pods")[0] = pod(DASHBOARD, restartCount=3, state=state, lastState=last)
    printed = look.printed()
    assert "expected the dashboard to keep running,\n  saw a crash loop: 3 restarts, exit status 2 Error" in printed
    assert f"kubectl --namespace {DASHBOARD} logs it --previous" in printed


def test_a_pod_that_is_going_away_is_no_problem(look: Look) -> None:
    """Whatever its containers do."""
    ending = pod("shop", state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=1)
    ending["metadata"]["deletionTimestamp"] = LONG_AGO
    look.items("/api/v1/pods")[0] = ending
    look.assert_well()


VIOLATION = 'Error creating: pods "x" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes'


def refusal(kind: str, message: str = VIOLATION) -> dict[str, Any]:
    """The event that a controller writes when the API server refuses its pod."""
    involved = {"kind": kind, "namespace": "shop", "name": "db"}
    return {"involvedObject": involved, "reason": "FailedCreate", "message": message}


WORKLOADS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DaemonSet": ({}, {"desiredNumberScheduled": 2, "currentNumberScheduled": 0}),
    "StatefulSet": ({"replicas": 1}, {"replicas": 0}),
    "Deployment": ({}, {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": VIOLATION}]}),
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_workload_whose_pods_are_refused_is_named(look: Look, kind: str) -> None:
    """No pod exists whose status would show the refusal."""
    spec, status = WORKLOADS[kind]
    workload = {"metadata": {"namespace": "shop", "name": "db"}, "spec": spec, "status": status}
    look.items(f"/apis/apps/v1/{kind.lower()}s").append(workload)
    look.items("/api/v1/events").append(refusal(kind))
    printed = look.printed()
    assert f"{kind} shop/db: expected the API server to take its pods,\n  saw {VIOLATION}\n" in printed
    assert "Next: `shop: privileged` in access.podSecurity of the stack file" in printed


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_a_workload_whose_pods_are_there_by_now_is_no_problem(look: Look, kind: str) -> None:
    """The event stays for an hour."""
    status = {"desiredNumberScheduled": 2, "currentNumberScheduled": 2} if kind == "DaemonSet" else {"replicas": 1}
    workload = {"metadata": {"namespace": "shop", "name": "db"}, "spec": {"replicas": 1}, "status": status}
    look.items(f"/apis/apps/v1/{kind.lower()}s").append(workload)
    look.items("/api/v1/events").append(refusal(kind))
    look.assert_well()


def test_a_workload_whose_pods_exceed_a_quota_is_named(look: Look) -> None:
    """A level of its namespace does not help it."""
    spec, status = WORKLOADS["StatefulSet"]
    workload = {"metadata": {"namespace": "shop", "name": "db"}, "spec": spec, "status": status}
    look.items("/apis/apps/v1/statefulsets").append(workload)
    look.items("/api/v1/events").append(refusal("StatefulSet", "exceeded quota: pods"))
    assert "Next: kubectl --namespace shop describe statefulset db" in look.printed()
