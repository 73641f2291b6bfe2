"""A service on the cluster that gets requests during a test, and the state of the nodes meanwhile."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.conftest import E2E, Cluster, machine_names

NODE_PORT = 30080
PAUSE_SECONDS = 0.05
"""Pause between two requests."""


class Requests:
    """Results of the requests to the service.

    Attributes:
        answered: number of requests with an answer.
        lost: number of requests without an answer.
        errors: their errors, in order.
    """

    def __init__(self) -> None:
        self.answered = 0
        self.errors: list[str] = []

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return len(self.errors)

    def send(self, url: str) -> None:
        """Send a request on a new connection."""
        try:
            with urllib.request.urlopen(url, timeout=5):
                self.answered += 1
        except (OSError, urllib.error.URLError) as error:
            self.errors.append(f"{time.strftime('%T')} {error}")


@contextmanager
def counted_requests() -> Iterator[Requests]:
    """Send requests to the service through the node port of the control plane, until the end of the block."""
    requests, ended = Requests(), threading.Event()
    url = f"http://{E2E.address(machine_names()[0])}:{NODE_PORT}/"

    def send_repeatedly() -> None:
        while not ended.wait(PAUSE_SECONDS):
            requests.send(url)

    thread = threading.Thread(target=send_repeatedly)
    thread.start()
    try:
        yield requests
    finally:
        ended.set()
        thread.join()


def bring_up_service(live: Cluster) -> None:
    """Create the service, and wait until it answers."""
    live.kubectl("apply", "--filename=-", standard_input=json.dumps(service(live.access.probe_image)))
    live.kubectl("rollout", "status", "deployment/requested", "--timeout=120s")


def versions(live: Cluster) -> dict[str, str]:
    """Version of each node's kubelet; empty while the API server does not answer."""
    seen = live.kubectl("get", "nodes", "--output=json", check=False)
    try:
        nodes = json.loads(seen)["items"]
    except ValueError:
        return {}
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v") for node in nodes}


def is_done(live: Cluster, node: str, version: str) -> bool:
    """True where a node has a version and takes pods."""
    return versions(live).get(node) == version and not is_unschedulable(live, node)


def is_unschedulable(live: Cluster, node: str) -> bool:
    """True where a node takes no pods."""
    return bool(live.get("node", node)["spec"].get("unschedulable"))


def service(image: str) -> dict[str, object]:
    """A service on a node port, with two replicas on two nodes, of which one always runs."""
    labels = {"app": "requested"}
    pod = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
        ],
        "containers": [
            {
                "name": "probe",
                "image": image,
                "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
                # As a service must that is to lose nothing: it answers until no client sends it requests any more.
                "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
            }
        ],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "requested", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "requested", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
    }
    port = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "requested", "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "selector": labels,
            "ports": [{"port": 80, "targetPort": 8080, "nodePort": NODE_PORT}],
        },
    }
    return {"apiVersion": "v1", "kind": "List", "items": [deployment, budget, port]}
