"""`make status` names each common error and what to do about it, and is silent about a cluster that is well."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.namespaces import DASHBOARD
from components.settings import Settings
from components.stack_file import parse_settings
from local.errors import StepError
from operations import __main__, status
from operations._cluster_state import SCRAPER_PROXY
from operations._host_checks import host_problems
from tests.unit import api_server
from tests.unit.api_server import Answers, ApiServer
from tests.unit.stacks import with_workers

PAUSE = "registry.k8s.io/pause:3.10.2"
HEALTHY_HOST = {
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
}
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "PreferNoSchedule"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def node(name: str, ready: str = "True", message: str = "", *taints: dict[str, str]) -> dict[str, Any]:
    """A node as the API server gives it."""
    conditions = [{"type": "Ready", "status": ready, "message": message}]
    return {
        "metadata": {"name": name},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {"conditions": conditions, "nodeInfo": {"kubeletVersion": "v1.36.3"}},
    }


def pod(namespace: str, **container: Any) -> dict[str, Any]:
    """A pod with one container in a state."""
    statuses = [{"name": "it", "image": "hub.example.com/it:1", "containerID": "containerd://1", **container}]
    return {
        "metadata": {"namespace": namespace, "name": "it"},
        "status": {"phase": "Pending", "containerStatuses": statuses},
    }


def event(reason: str, message: str, namespace: str = "shop") -> dict[str, Any]:
    """What was said of that pod."""
    involved = {"kind": "Pod", "namespace": namespace, "name": "it"}
    return {"involvedObject": involved, "reason": reason, "message": message}


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    """A deployment with an available pod."""
    return {"metadata": {"name": name}, "spec": {"template": {"spec": spec}}, "status": {"availableReplicas": 1}}


def binding(name: str, role: str, namespace: str | None = None) -> dict[str, Any]:
    """A binding of either kind."""
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"metadata": metadata, "roleRef": {"name": role}}


def healthy() -> Answers:
    """Answers of a cluster that is well."""
    kube_proxy = {"data": {"config.conf": "conntrack:\n  maxPerCore: 0\n"}}
    lists = {
        "/api/v1/nodes": [node("node1", "True", "", CONTROL_PLANE_TAINT), node("node2")],
        "/api/v1/pods": [pod("shop", state={"running": {}})],
        "/api/v1/events": [],
        "/api/v1/namespaces/kube-system/configmaps": [kube_proxy],
        "/apis/apps/v1/namespaces/kube-system/daemonsets": [{"metadata": {"name": "calico-node"}}],
        f"/apis/apps/v1/namespaces/{DASHBOARD}/deployments": [
            deployment(DASHBOARD),
            deployment("dashboard-metrics-scraper"),
        ],
        f"{RBAC}/clusterrolebindings": [binding("admin-user", "cluster-admin")],
        f"{RBAC}/rolebindings": [binding("reader", "view", "default")],
    }
    answers: Answers = {path: (200, {"items": items}) for path, items in lists.items()}
    return answers | {"/readyz": (200, "ok"), SCRAPER_PROXY: (200, "ok")}


class Stack:
    """A stack of two hosts whose cluster is the recorded one."""

    name = "shop"

    def __init__(self, server: ApiServer) -> None:
        self.settings = settings
        self.output = lambda _: json.dumps(server.kubeconfig)


def settings(**sections: Any) -> Settings:
    """Of that stack."""
    return parse_settings(with_workers("node2") | sections)


class Look:
    """A look at a cluster whose answers a test changes."""

    def __init__(self, server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self._capsys = server, capsys
        self.facts = {name: dict(HEALTHY_HOST) for name in ("node1", "node2")}

    def items(self, path: str) -> Any:
        """The objects at a path, to be changed in place."""
        return self.server.answers[path][1]["items"]

    def printed(self) -> str:
        """What the command says of a cluster with something wrong."""
        ended = __main__.main(["status", "shop"])
        text = self._capsys.readouterr().out
        assert ended == 1, text
        return text


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Look]:
    """Everything is well, until a test changes it."""
    with api_server.serving(tmp_path) as server:
        server.answers = copy.deepcopy(healthy())
        found = Look(server, capsys)
        monkeypatch.setattr(status, "selected_stack", lambda _: Stack(server))
        monkeypatch.setattr(status, "facts_of", lambda host, _: found.facts[host.name])
        yield found


def test_of_a_cluster_that_is_well_it_says_so_and_ends_with_0(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    """And it only reads."""
    assert __main__.main(["status", "shop"]) == 0
    assert "all is well on 2 host(s) and in the cluster" in capsys.readouterr().out
    assert {method for method, _, _ in look.server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("message", "next_command"),
    [
        (
            "container runtime network not ready: cni plugin not initialized",
            "--field-selector spec.nodeName=node2: the next one writes the CNI configuration anew",
        ),
        ("container runtime is down", "systemctl restart containerd on node2"),
        ("kubelet says something new", "journalctl --unit kubelet on node2"),
    ],
)
def test_a_node_that_is_not_ready(look: Look, message: str, next_command: str) -> None:
    """What to do depends on what kubelet says."""
    look.items("/api/v1/nodes")[1] = node("node2", "False", message)
    printed = look.printed()
    assert f"node2: node: expected it to be Ready,\n  saw {message}" in printed
    assert next_command in printed


def test_a_missing_pod_network(look: Look) -> None:
    """Calico's DaemonSet was deleted."""
    look.items("/apis/apps/v1/namespaces/kube-system/daemonsets").clear()
    assert "pod network: expected the DaemonSet kube-system/calico-node" in look.printed()


@pytest.mark.parametrize(
    ("taints", "next_command"),
    [
        ([], "kubectl taint nodes node1 node-role.kubernetes.io/control-plane=:PreferNoSchedule"),
        (
            [CONTROL_PLANE_TAINT, {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}],
            "kubectl taint nodes node1 node-role.kubernetes.io/master:NoSchedule-",
        ),
    ],
)
def test_a_control_plane_taint_that_is_not_the_stacks(
    look: Look, taints: list[dict[str, str]], next_command: str
) -> None:
    """Off or on: with the command that undoes it."""
    look.items("/api/v1/nodes")[0] = node("node1", "True", "", *taints)
    printed = look.printed()
    assert "node1: control-plane taint: expected node-role.kubernetes.io/control-plane:PreferNoSchedule" in printed
    assert next_command in printed


def test_a_pod_that_no_node_takes_because_of_a_taint(look: Look) -> None:
    """With how to take it off."""
    waiting = pod("shop")
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": "1 node had untolerated taint"}
    waiting["status"] = {"phase": "Pending", "conditions": [condition]}
    look.items("/api/v1/pods")[0] = waiting
    assert "takes the control-plane taint off" in look.printed()


@pytest.mark.parametrize("why", ["401 Unauthorized", "no basic auth credentials", "authorization failed"])
def test_an_image_without_credentials(look: Look, why: str) -> None:
    """The back-off itself does not say why; the event before it does."""
    look.items("/api/v1/pods")[0] = pod(
        "shop", state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}
    )
    said = [f'Failed to pull image "hub.example.com/it:1": {why}', "Error: ErrImagePull", "Error: ImagePullBackOff"]
    look.items("/api/v1/events").extend(event("Failed", each) for each in said)
    printed = look.printed()
    assert f"pod shop/it: expected credentials for hub.example.com,\n  saw Failed: {said[0]}" in printed
    assert "images.pullSecretNamespaces" in printed


def test_an_image_that_is_not_there(look: Look) -> None:
    """It is no matter of credentials."""
    waiting = {"reason": "ErrImagePull", "message": "hub.example.com/it:1: not found"}
    look.items("/api/v1/pods")[0] = pod("shop", state={"waiting": waiting})
    printed = look.printed()
    assert "expected image hub.example.com/it:1 to be pullable" in printed
    assert "images.pullSecretNamespaces" not in printed


def test_a_pod_whose_pause_image_cannot_be_pulled(look: Look) -> None:
    """It has no container yet: kubelet cannot make its sandbox."""
    look.items("/api/v1/pods")[0] = pod("shop", containerID="", state={"waiting": {"reason": "ContainerCreating"}})
    why = 'failed to get sandbox image "hub.example.com/pause:3.7": 401 Unauthorized'
    look.items("/api/v1/events").append(event("FailedCreatePodSandBox", why))
    assert "pod shop/it: expected the pause image to be pullable on its node" in look.printed()


@pytest.mark.parametrize(
    "state",
    [{"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": {"exitCode": 1, "reason": "Error"}}],
)
def test_a_crash_loop_of_the_dashboard(look: Look, state: dict[str, Any]) -> None:
    """Waiting for the next try, or just down."""
    last = {"terminated": {"exitCode": 2, "reason": "Error"}}
    look.items("/api/v1/pods")[0] = pod(DASHBOARD, restartCount=3, state=state, lastState=last)
    printed = look.printed()
    assert "expected the dashboard to keep running,\n  saw a crash loop: 3 restarts, exit status 2 Error" in printed
    assert f"kubectl --namespace {DASHBOARD} logs it --previous" in printed


def test_a_pod_that_is_going_away_is_no_problem(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor one that did its work."""
    ending = pod("shop", state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=1)
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    look.items("/api/v1/pods")[0] = ending
    assert __main__.main(["status", "shop"]) == 0


@pytest.mark.parametrize("code", [502, 503, 504])
def test_a_metrics_scraper_that_the_api_server_cannot_reach(look: Look, code: int) -> None:
    """Its pod runs, so it is the way to it that is missing."""
    look.server.answers[SCRAPER_PROXY] = (code, {"message": "error trying to reach service: dial tcp: i/o timeout"})
    printed = look.printed()
    assert "dashboard: metrics scraper: expected the API server to reach it" in printed
    assert "it has no host network\n  Next: set dashboard.metricsScraperHostNetwork: true" in printed


def test_a_request_that_rbac_forbids(look: Look) -> None:
    """Everything else is still looked at."""
    look.server.answers["/api/v1/pods"] = (403, {"message": 'User "jo" cannot list resource "pods"'})
    look.items("/api/v1/nodes")[1] = node("node2", "False", "something")
    printed = look.printed()
    assert 'saw 403: User "jo" cannot list resource "pods"' in printed
    assert "kubectl auth can-i list pods --all-namespaces" in printed
    assert "node2: node: expected it to be Ready" in printed


def test_a_binding_that_someone_took_away(look: Look) -> None:
    """Of a service account of the stack."""
    look.items(f"{RBAC}/rolebindings").clear()
    printed = look.printed()
    assert "RBAC: service account default/reader: expected a binding to view in default" in printed
    assert "kubectl auth can-i --list --as system:serviceaccount:default:reader" in printed


@pytest.mark.parametrize("conntrack", ["conntrack:\n  maxPerCore: 32768\n", "conntrack: null\n", "mode: ''\n"])
def test_kube_proxy_that_overrides_nf_conntrack_max(look: Look, conntrack: str) -> None:
    """Its default does too."""
    look.items("/api/v1/namespaces/kube-system/configmaps")[0]["data"]["config.conf"] = conntrack
    assert "kube-proxy: expected conntrack.maxPerCore 0" in look.printed()


def test_hosts_are_looked_at_although_the_api_server_is_down(look: Look) -> None:
    """Their problem may be the reason."""
    look.server.answers["/readyz"] = (500, {"message": "etcd failed"})
    look.facts["node1"]["containerd"] = "failed"
    printed = look.printed()
    assert "saw 500: etcd failed" in printed
    assert "node1: containerd: expected the service containerd to run" in printed


@pytest.mark.parametrize(
    ("facts", "expected", "next_command"),
    [
        ({"containerd": "inactive"}, "containerd: expected the service containerd to run", "systemctl restart"),
        (
            {"cri": "Unimplemented", "cri_disabled": 'disabled_plugins = ["cri"]'},
            "saw its CRI plugin is disabled",
            "make repair STACK=shop HOST=node2",
        ),
        ({"pause_configured": "registry.k8s.io/pause:3.6"}, f"containerd to start pods with {PAUSE}", "make repair"),
        ({"pause_present": "no", "pause_log": "401 Unauthorized"}, "saw 401 Unauthorized", f"crictl pull {PAUSE}"),
        ({"kubelet": "activating"}, "kubelet: expected the service kubelet to run", "journalctl --unit kubelet"),
        ({"cni": ""}, "pod network: expected a CNI configuration", "k8s-app=calico-node"),
        ({"stop_timeout": "t 90000000"}, "DefaultTimeoutStopSec of systemd to be 5 s", "make repair"),
    ],
)
def test_what_is_wrong_on_a_host(look: Look, facts: dict[str, str], expected: str, next_command: str) -> None:
    """Found in one visit."""
    look.facts["node2"] |= facts
    printed = look.printed()
    assert expected in printed
    assert next_command in printed
    assert printed.count("Next:") == 1


def test_a_join_whose_token_expired(look: Look) -> None:
    """The host is there, its node is not."""
    look.items("/api/v1/nodes").pop()
    look.facts["node2"] |= {"joined": "no", "kubelet": "inactive", "cni": "", "join_log": "couldn't get: Unauthorized"}
    printed = look.printed()
    assert "node2: join token: expected the cluster to accept the token of the join" in printed
    assert "it mints a new token for each join" in printed


def test_a_conntrack_maximum_that_the_stack_sets_and_kube_proxy_overrides() -> None:
    """Seen on the host itself."""
    sysctl = {"system": {"sysctl": {"net.netfilter.nf_conntrack_max": 1000000}}}
    stack = settings(**sysctl)
    (problem,) = host_problems(stack.hosts["node2"], stack, HEALTHY_HOST, is_node=True)
    assert isinstance(problem, StepError)
    assert "net.netfilter.nf_conntrack_max to be 1000000" in str(problem)
    assert "saw 262144; kube-proxy sets it" in str(problem)
