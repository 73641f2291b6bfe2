"""What can be wrong with pods and the dashboard, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from components.containerd import password_command
from components.dashboard import METRICS_SCRAPER
from components.namespaces import DASHBOARD
from components.settings import Settings
from local.errors import StepError
from operations._api import Json
from operations._cluster_state import ClusterState

NO_CREDENTIALS = ("401", "403", "unauthorized", "forbidden", "no basic auth", "authorization failed", "access denied")
PULLS = {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"}


def workload_problems(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    """Everything that is wrong with what runs on the nodes; each cause once, with the pods that have it."""
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in state.events or []:
        pod = event["involvedObject"]
        if pod["kind"] == "Pod":
            said[pod.get("namespace", ""), pod["name"]].append(f"{event['reason']}: {event.get('message', '')}")
    for pod in state.pods or []:
        # A pod that ends, or ended well, waits for nothing.
        if not pod["metadata"].get("deletionTimestamp") and pod["status"].get("phase") != "Succeeded":
            key = pod["metadata"]["namespace"], pod["metadata"]["name"]
            yield from _pod(pod, said[key], settings)
    if settings.dashboard.enabled:
        yield from _dashboard(state, settings)


def _pod(pod: Json, said: list[str], settings: Settings) -> Iterator[StepError]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    step, status = f"pod {namespace}/{name}", pod["status"]
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in PULLS:
            yield _image(step, namespace, container["image"], _why(waiting, said), settings)
        elif waiting.get("reason") == "CrashLoopBackOff" or _ended_badly(container):
            yield _crash(step, namespace, name, container)
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("reason") == "Unschedulable":
        message = scheduled.get("message", "")
        yield StepError(
            step,
            expected="a node that takes the pod",
            seen=message,
            next_command="kubectl taint nodes NODE node-role.kubernetes.io/control-plane- takes the control-plane taint"
            " off; cluster.controlPlaneTaints: [] keeps it off; or add a worker"
            if "taint" in message
            else f"kubectl --namespace {namespace} describe pod {name}",
        )
    sandbox = [line for line in said if line.startswith("FailedCreatePodSandBox")]
    if sandbox and not status.get("containerStatuses", [{}])[0].get("containerID"):
        yield _sandbox(step, sandbox[-1])


def _ended_badly(container: Json) -> bool:
    """It restarted and is down at the moment: a crash loop between two tries."""
    ended = container.get("state", {}).get("terminated", {})
    return bool(ended and ended.get("exitCode") and container.get("restartCount"))


def _why(waiting: Json, said: list[str]) -> str:
    """The kubelet's own words. `Error: ErrImagePull` and the back-off itself only say that it failed."""
    causes = [line for line in said if line.startswith("Failed: Failed to pull image")]
    return causes[-1] if causes else str(waiting.get("message") or waiting["reason"])


def _image(step: str, namespace: str, image: str, why: str, settings: Settings) -> StepError:
    registry = image.partition("/")[0]
    if any(sign in why.lower() for sign in NO_CREDENTIALS):
        next_command = (
            f"{password_command(settings, registry)}; pulumi up; for pods that pull by themselves, add {namespace} to"
            " images.pullSecretNamespaces"
        )
        return StepError(step, expected=f"credentials for {registry}", seen=why, next_command=next_command)
    next_command = f"crictl pull {image} on the node; copy it with make mirror, or mend images.rewrite"
    return StepError(step, expected=f"image {image} to be pullable", seen=why, next_command=next_command)


def _crash(step: str, namespace: str, name: str, container: Json) -> StepError:
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated") or {}
    what, next_command = "it", f"kubectl --namespace {namespace} logs {name} --previous"
    if namespace == DASHBOARD:
        what = "the dashboard"
        next_command += (
            "; it needs the API server's service address: look for problems of the pod network above, and at"
            f" kubectl auth can-i --list --namespace {DASHBOARD}"
            f" --as system:serviceaccount:{DASHBOARD}:kubernetes-dashboard"
        )
    return StepError(
        step,
        expected=f"{what} to keep running",
        seen=f"a crash loop: {container['restartCount']} restarts, exit status {ended.get('exitCode', 'unknown')}"
        f" {ended.get('reason', '')}",
        next_command=next_command,
    )


def _sandbox(step: str, why: str) -> StepError:
    is_image = "sandbox image" in why or "pause" in why
    return StepError(
        step,
        expected="the pause image to be pullable on its node" if is_image else "a sandbox for the pod",
        seen=why,
        next_command="see the problem of the pause image of its host; crictl pull of the image there"
        if is_image
        else "kubectl --namespace kube-system get pods --selector k8s-app=calico-node --output wide",
    )


def _dashboard(state: ClusterState, settings: Settings) -> Iterator[StepError]:
    if state.deployments is None:
        return
    found = {each["metadata"]["name"]: each for each in state.deployments}
    scraper = found.get(METRICS_SCRAPER)
    for name in (DASHBOARD, METRICS_SCRAPER):
        if name not in found:
            next_command = "pulumi up --refresh applies it again"
            yield StepError(f"deployment {name}", expected="it to exist", seen="none", next_command=next_command)
    if scraper is None:
        return
    wanted = settings.dashboard.metrics_scraper_host_network
    has = bool(scraper["spec"]["template"]["spec"].get("hostNetwork"))
    if has != wanted:
        yield StepError(
            "dashboard: metrics scraper",
            expected="the host's network, as the stack says" if wanted else "the pod network, as the stack says",
            seen="the host's network" if has else "no host network",
            next_command="pulumi up --refresh",
        )
    elif state.scraper_failure and scraper["status"].get("availableReplicas"):
        yield StepError(
            "dashboard: metrics scraper",
            expected="the API server to reach it",
            seen=f"{state.scraper_failure}{'' if has else '; it has no host network'}",
            next_command="set dashboard.metricsScraperHostNetwork: true in the stack file, pulumi up: with a NodePort"
            " the dashboard reads its metrics through the API server, which must reach the pod",
        )
