"""Problems of pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from components.addons.dashboard import NAMESPACE as DASHBOARD
from components.settings import Settings
from operations.access.api import Json
from operations.stack.commands import StackCommands
from operations.status._cluster_checks import ready_condition
from operations.status._cluster_state import ClusterState
from problem import Problem

NO_CREDENTIALS = ("401", "403", "unauthorized", "forbidden", "no basic auth", "authorization failed", "access denied")
PULLS = {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}
STARTING = {"ContainerCreating", "PodInitializing"}
"""Reasons to wait that every container has for a moment."""

A_MOMENT = timedelta(minutes=1)
"""A pod, or a started container, that is younger has no problem yet."""


def pod_problems(state: ClusterState, settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    """Problems that keep pods from running."""
    warnings = _warnings_by_pod(state.events or [])
    # Pods on these nodes are not Ready either, and have no problem of their own.
    absent = {each["metadata"]["name"] for each in state.nodes or [] if ready_condition(each).get("status") != "True"}
    for pod in state.pods or []:
        # A pod that ends, or ended well, waits for nothing.
        if not pod["metadata"].get("deletionTimestamp") and _phase(pod) != "Succeeded":
            key = pod["metadata"]["namespace"], pod["metadata"]["name"]
            yield from _pod(pod, warnings[key], settings, commands, absent)


def _warnings_by_pod(events: list[Json]) -> dict[tuple[str, str], list[str]]:
    """Reason and message of each warning about a pod, by namespace and name of the pod."""
    warnings: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        about = event.get("involvedObject") or {}
        if about.get("kind") == "Pod":
            line = f"{event.get('reason', '')}: {event.get('message', '')}"
            warnings[about.get("namespace", ""), about.get("name", "")].append(line)
    return warnings


def _pod(
    pod: Json, warnings: list[str], settings: Settings, commands: StackCommands, absent: Collection[str]
) -> Iterator[Problem]:
    phase = _phase(pod)
    if phase in {"Failed", "Unknown"}:
        if phase == "Unknown" or not any(each["kind"] == "Job" for each in _owners(pod)):
            yield _ended(pod, phase)
        return
    problems = [*_scheduling(pod), *_containers(pod, warnings, settings, commands)]
    yield from problems
    if not problems and phase == "Running" and pod.get("spec", {}).get("nodeName") not in absent:
        yield from _not_ready(pod)


def _ended(pod: Json, phase: str) -> Problem:
    """The problem of an ended pod. A Job starts other pods itself; another controller replaces the pod and keeps it."""
    status, describe = pod["status"], _describe(pod)
    delete = f"kubectl --namespace {pod['metadata']['namespace']} delete pod {pod['metadata']['name']}"
    return Problem(
        _step(pod),
        expected="the pod to run",
        seen=f"{phase} {status.get('reason', '')} {status.get('message', '')}".rstrip(),
        next_command=f"{describe}; {delete} once its cause is gone" if phase == "Failed" else describe,
    )


def _scheduling(pod: Json) -> Iterator[Problem]:
    scheduled = _conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") != "SchedulingGated":
        message = scheduled.get("message", "")
        yield Problem(
            _step(pod),
            expected="a node that takes the pod",
            seen=message or scheduled.get("reason", "none"),
            next_command="kubectl taint nodes NODE node-role.kubernetes.io/control-plane- takes the control-plane taint"
            " off; cluster.controlPlaneTaints: [] keeps it off; or add a worker"
            if "taint" in message
            else _describe(pod),
        )
    is_placed = scheduled or pod.get("spec", {}).get("nodeName")
    if _phase(pod) == "Pending" and not is_placed and _is_older(pod["metadata"].get("creationTimestamp")):
        yield Problem(
            _step(pod),
            expected="the scheduler to look for a node",
            seen="a pod without the condition PodScheduled",
            next_command="kubectl --namespace kube-system get pods --selector component=kube-scheduler; schedulerName"
            f" of the pod: {_describe(pod)}",
        )


def _containers(pod: Json, warnings: list[str], settings: Settings, commands: StackCommands) -> Iterator[Problem]:
    status = pod["status"]
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        waiting = container.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason")
        if reason in PULLS:
            yield _image(pod, container["image"], _why(waiting, warnings), settings, commands)
        elif reason == "CrashLoopBackOff" or _ended_badly(container):
            yield _crash(pod, container)
        elif reason and reason not in STARTING:
            seen = f"{reason}: {waiting.get('message', '')}"
            expected = f"container {container['name']} to start"
            yield Problem(_step(pod), expected=expected, seen=seen, next_command=_describe(pod))
    sandbox = [line for line in warnings if line.startswith("FailedCreatePodSandBox")]
    if sandbox and not (status.get("containerStatuses") or [{}])[0].get("containerID"):
        yield _sandbox(_step(pod), sandbox[-1])
    mounts = [line for line in warnings if line.startswith(("FailedMount", "FailedAttachVolume"))]
    is_starting = any((each.get("state", {}).get("waiting") or {}).get("reason") in STARTING for each in containers)
    if mounts and is_starting and _is_older(pod["metadata"].get("creationTimestamp")):
        yield Problem(
            _step(pod), expected="the volumes of the pod to be mounted", seen=mounts[-1], next_command=_describe(pod)
        )


def _not_ready(pod: Json) -> Iterator[Problem]:
    ready = _conditions(pod).get("Ready", {})
    if ready.get("status") == "False" and _is_older(ready.get("lastTransitionTime")):
        why = ready.get("message") or ready.get("reason", "its condition Ready is False")
        yield Problem(
            _step(pod),
            expected="the pod to be Ready",
            seen=f"{why}, since {ready['lastTransitionTime']}",
            next_command=f"{_describe(pod)} shows its readiness probe; kubectl --namespace"
            f" {pod['metadata']['namespace']} logs {pod['metadata']['name']}",
        )


def _is_older(since: str | None) -> bool:
    """True for a time longer ago than A_MOMENT, which is more than clocks of cluster and reader differ."""
    return since is not None and datetime.now(UTC) - datetime.fromisoformat(since) > A_MOMENT


def _phase(pod: Json) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _conditions(pod: Json) -> dict[str, Json]:
    return {each["type"]: each for each in pod["status"].get("conditions") or []}


def _owners(pod: Json) -> list[Json]:
    return list(pod["metadata"].get("ownerReferences") or [])


def _step(pod: Json) -> str:
    return f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _describe(pod: Json) -> str:
    return f"kubectl --namespace {pod['metadata']['namespace']} describe pod {pod['metadata']['name']}"


def _ended_badly(container: Json) -> bool:
    """True for a container that restarted and is down at the moment: a crash loop between two starts."""
    ended = container.get("state", {}).get("terminated", {})
    return bool(ended and ended.get("exitCode") and container.get("restartCount"))


def _why(waiting: Json, warnings: list[str]) -> str:
    """The cause in the kubelet's own words. `Error: ErrImagePull` and the back-off only say that the pull failed."""
    causes = [line for line in warnings if line.startswith("Failed: Failed to pull image")]
    return causes[-1] if causes else str(waiting.get("message") or waiting["reason"])


def _image(pod: Json, image: str, why: str, settings: Settings, commands: StackCommands) -> Problem:
    step, registry, namespace = _step(pod), image.partition("/")[0], pod["metadata"]["namespace"]
    if any(sign in why.lower() for sign in NO_CREDENTIALS):
        next_command = (
            f"{commands.set_password(settings, registry)}; {commands.up}; for pods that pull by themselves, add"
            f" {namespace} to images.pullSecretNamespaces"
        )
        return Problem(step, expected=f"credentials for {registry}", seen=why, next_command=next_command)
    next_command = f"crictl pull {image} on the node; copy it: {commands.mirror}; or mend images.rewrite"
    return Problem(step, expected=f"image {image} to be pullable", seen=why, next_command=next_command)


def _crash(pod: Json, container: Json) -> Problem:
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    what, next_command = "it", f"kubectl --namespace {namespace} logs {name} --previous"
    if namespace == DASHBOARD:
        what = "the dashboard"
        next_command += (
            "; it needs the API server's service address: look for problems of the pod network above, and at"
            f" kubectl auth can-i --list --namespace {DASHBOARD}"
            f" --as system:serviceaccount:{DASHBOARD}:kubernetes-dashboard"
        )
    return Problem(
        _step(pod),
        expected=f"{what} to keep running",
        seen=f"a crash loop: {container['restartCount']} restarts, exit status {ended.get('exitCode', 'unknown')}"
        f" {ended.get('reason', '')}",
        next_command=next_command,
    )


def _sandbox(step: str, why: str) -> Problem:
    is_image = "sandbox image" in why or "pause" in why
    return Problem(
        step,
        expected="the pause image to be pullable on its node" if is_image else "a sandbox for the pod",
        seen=why,
        next_command="see the problem of the pause image of its host; crictl pull of the image there"
        if is_image
        else "kubectl --namespace kube-system get pods --selector k8s-app=calico-node --output wide",
    )
