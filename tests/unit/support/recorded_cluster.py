"""A cluster that is well, as its API server and hosts tell it, and a look at it with `make status`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.addons.dashboard import NAMESPACE as DASHBOARD
from components.settings import Settings
from components.settings.stack_file import parse_settings
from components.steps.step import StepName
from operations import __main__
from operations.status._cluster_state import SCRAPER_PROXY
from tests.unit.support.api_server import Answers, ApiServer
from tests.unit.support.stacks import SECRET_CREATOR, SHOP, with_workers

PAUSE = "registry.k8s.io/pause:3.10.2"
HEALTHY_HOST = {
    "containerd_program": "/usr/bin/containerd",
    "containerd": "active",
    "containerd_log": "",
    "kubelet": "active",
    "cri": "serves",
    "cri_disabled": "",
    "pause_configured": PAUSE,
    "pause_present": "yes",
    "pause_log": "",
    "cni": "/etc/cni/net.d/10-calico.conflist",
    "stop_timeout": "t 5000000",
    "conntrack_max": "262144",
    "joined": "yes",
    "join_log": "",
    "marks_gone": "",
    "cluster_data": "yes",
    "files_gone": "",
}
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "PreferNoSchedule"}
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def node(name: str, ready: str = "True", message: str = "", *taints: dict[str, str]) -> dict[str, Any]:
    """A node as the API server gives it; node1 is the control plane."""
    labels = {CONTROL_PLANE_TAINT["key"]: ""} if name == "node1" else {}
    conditions = [{"type": "Ready", "status": ready, "message": message}]
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {"conditions": conditions, "nodeInfo": {"kubeletVersion": "v1.36.3"}},
    }


def pod(namespace: str, **container: Any) -> dict[str, Any]:
    """A pod with one container in a state; it runs if the container does."""
    statuses = [{"name": "it", "image": "hub.example.com/it:1", "containerID": "containerd://1", **container}]
    return {
        "metadata": {"namespace": namespace, "name": "it"},
        "status": {
            "phase": "Running" if "running" in container.get("state", {}) else "Pending",
            "containerStatuses": statuses,
        },
    }


def event(reason: str, message: str) -> dict[str, Any]:
    """An event about that pod."""
    involved = {"kind": "Pod", "namespace": "shop", "name": "it"}
    return {"involvedObject": involved, "reason": reason, "message": message}


def deployment(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    """A deployment with an available pod."""
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"template": {"spec": spec}},
        "status": {"availableReplicas": 1},
    }


def api_service(name: str, reason: str = "Passed", message: str = "") -> dict[str, Any]:
    """An APIService, which is available where the reason is `Passed`."""
    available = {"type": "Available", "status": str(reason == "Passed"), "reason": reason, "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [available]}}


def binding(name: str, role: str, *subjects: dict[str, str], namespace: str | None = None) -> dict[str, Any]:
    """A binding of either kind, to a cluster role."""
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"metadata": metadata, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": list(subjects)}


def account(namespace: str, name: str) -> dict[str, str]:
    """A service account, as the subject of a binding."""
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def healthy() -> Answers:
    """Answers of a cluster that is well."""
    kube_proxy = {"data": {"config.conf": "conntrack:\n  maxPerCore: 0\n"}}
    lists = {
        "/api/v1/nodes": [node("node1", "True", "", CONTROL_PLANE_TAINT), node("node2")],
        "/api/v1/pods": [pod("shop", state={"running": {}})],
        "/api/v1/events": [],
        "/api/v1/namespaces/kube-system/configmaps": [kube_proxy],
        "/apis/apps/v1/daemonsets": [
            {"metadata": {"namespace": "kube-system", "name": name}} for name in ("calico-node", "kube-proxy")
        ],
        "/apis/apps/v1/deployments": [
            deployment("kube-system", "coredns"),
            deployment("kube-system", "calico-kube-controllers"),
            deployment("kube-system", "metrics-server"),
            deployment(DASHBOARD, DASHBOARD),
            deployment(DASHBOARD, "dashboard-metrics-scraper"),
        ],
        "/apis/apps/v1/statefulsets": [],
        API_SERVICES: [api_service("v1.apps"), api_service("v1beta1.metrics.k8s.io")],
        f"{RBAC}/clusterrolebindings": [
            binding("admin-user", "cluster-admin", account(DASHBOARD, "admin-user")),
            binding("secret-creator", "secret-creator", {"kind": "User", "name": "secret-operator"}),
        ],
        f"{RBAC}/rolebindings": [binding("reader", "view", account("default", "reader"), namespace="default")],
    }
    answers: Answers = {path: (200, {"items": items}) for path, items in lists.items()}
    return answers | {"/readyz": (200, "ok"), SCRAPER_PROXY: (200, "ok")}


def settings(**sections: Any) -> Settings:
    """The settings of that stack."""
    return parse_settings(with_workers("node2") | {"access": {"roles": [SECRET_CREATOR]}} | sections)


class Look:
    """A look at a cluster whose answers a test changes."""

    def __init__(self, server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self._capsys = server, capsys
        self.settings = settings()
        self.facts = {name: dict(HEALTHY_HOST) for name in ("node1", "node2")}
        steps = (("node1", StepName.INIT), ("node2", StepName.JOIN))
        self.recorded = dict.fromkeys(steps, "run_step x\n")

    def items(self, path: str) -> Any:
        """The objects at a path, to be changed in place."""
        return self.server.answers[path][1]["items"]

    def printed(self) -> str:
        """The output of the command for a cluster with a problem."""
        ended = __main__.main(["status", "shop"])
        text = self._capsys.readouterr().out
        assert ended == 1, text
        return text

    def assert_well(self) -> None:
        """Check that the command finds no problem."""
        assert __main__.main(["status", "shop"]) == 0, self._capsys.readouterr().out


class Stack:
    """A stack of two hosts whose cluster is the recorded one."""

    name, commands = "shop", SHOP

    def __init__(self, look: Look) -> None:
        self.settings = lambda: look.settings
        self.output = lambda _: json.dumps(look.server.kubeconfig)
        self.recorded_inputs = lambda: look.recorded
