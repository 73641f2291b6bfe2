"""A pod on the worker, which finds the API as programs in a cluster do."""

from __future__ import annotations

import json

from tests.ha.machines import WORKER, HaCluster, on_machine

NAME = "probe"


def run_pod(live: HaCluster) -> None:
    """Run a pod that does nothing but be there, of a DaemonSet: it stays where its node is drained."""
    labels = {"app": NAME}
    pod = {
        "containers": [{"name": NAME, "image": live.access.probe_image}],
        "nodeSelector": {"kubernetes.io/hostname": WORKER},
    }
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
    live.kubectl("apply", "--filename", "-", standard_input=json.dumps(daemon_set))
    live.kubectl("rollout", "status", f"daemonset/{NAME}", "--timeout", "100s")


def in_pod() -> list[str]:
    """Words of a command that runs another one in the network of the pod."""
    process = on_machine(WORKER, "pgrep --exact probe").strip()
    return ["nsenter", f"--net=/proc/{process}/ns/net"]


def service(live: HaCluster) -> str:
    """URL of the API for pods."""
    address = live.kubectl("get", "service", "kubernetes", "--output", "jsonpath={.spec.clusterIP}")
    return f"https://{address}"
