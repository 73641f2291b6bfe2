"""`make status` names each common error and what to do about it, and is silent about a cluster that is well.

Pods are in test_status_of_pods.py, access rules in test_status_of_access.py, hosts in test_status_of_hosts.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi import RunError

from components import addons
from components.addons import Addon, calico
from components.addons.dashboard import METRICS_SCRAPER
from components.steps.of_control_plane import PROVIDER
from operations import __main__
from operations.hosts.pod_network import CALICO_ANNOTATIONS
from operations.status import status
from operations.status._cluster_state import SCRAPER_PROXY
from problem import StepError
from tests.unit.support.recorded_cluster import (
    API_SERVICES,
    CONTROL_PLANE_TAINT,
    Look,
    Stack,
    api_service,
    node,
    pod,
    settings,
)
from tests.unit.support.stacks import KEY, with_workers

GONE = {"address": "192.0.2.13", "hostKey": f"{KEY}13", "gone": True}


@pytest.mark.parametrize("is_well", [True, False])
def test_checks_that_were_not_made_are_named(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_well: bool
) -> None:
    """Whoever has a kubeconfig and no passphrase sees what the API shows, and not the members of etcd."""
    stack = Stack(look)

    def refuse() -> dict[Any, str]:
        raise StepError("read the state", expected="Pulumi to succeed", seen="no passphrase", next_command="x")

    stack.recorded_inputs = refuse
    monkeypatch.setattr(status, "selected_stack", lambda _: stack)
    if not is_well:
        look.items("/apis/apps/v1/daemonsets").pop(0)
    file = tmp_path / "config"
    file.write_text(json.dumps(look.server.kubeconfig))
    assert __main__.main(["status", "shop", "--kubeconfig", str(file)]) == 1 - is_well
    printed = capsys.readouterr()
    assert "; etcd, marks and ports were not looked at: the state cannot be read" in printed.out + printed.err
    assert ("all is well on 2 host(s)" in printed.out) == is_well


def test_status_of_a_cluster_that_is_well_ends_with_0(look: Look, capsys: pytest.CaptureFixture[str]) -> None:
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
def test_a_node_that_is_not_ready_is_named(look: Look, message: str, next_command: str) -> None:
    """The advice depends on the message of the kubelet."""
    look.items("/api/v1/nodes")[1] = node("node2", "False", message)
    printed = look.printed()
    assert f"node2: node: expected the node to be Ready,\n  saw {message}" in printed
    assert next_command in printed


@pytest.mark.parametrize("status", [{}, {"conditions": None, "nodeInfo": {}}])
def test_a_node_that_says_nothing_of_itself_is_not_ready(look: Look, status: dict[str, Any]) -> None:
    """As one that has just registered itself."""
    look.items("/api/v1/nodes")[1]["status"] = status
    printed = look.printed()
    assert "node2                    unknown    NotReady" in printed
    assert "node2: node: expected the node to be Ready,\n  saw no condition Ready" in printed


@pytest.mark.parametrize(
    ("name", "seen", "next_command"),
    [
        ("node9", "no host of that name", "add it to kubeadm:hosts"),
        ("node3", "gone: true in the stack file", "pulumi up --stack shop, if it did not run since"),
    ],
)
def test_a_node_of_no_host_is_named(look: Look, name: str, seen: str, next_command: str) -> None:
    """A dead machine that came back registers itself again."""
    look.settings = settings(hosts=with_workers("node2", "node3")["hosts"] | {"node3": GONE})
    look.items("/api/v1/nodes").append(node(name, "False"))
    printed = look.printed()
    assert f"{name}: node: expected a host of the stack,\n  saw {seen}\n" in printed
    assert next_command in printed
    assert f"systemctl disable --now kubelet on {name}, then kubectl delete node {name}" in printed
    assert printed.count("Next:") == 1


def test_a_missing_pod_network_is_named(look: Look) -> None:
    """Calico's DaemonSet was deleted."""
    look.items("/apis/apps/v1/daemonsets").pop(0)
    assert "pod network: expected the DaemonSet kube-system/calico-node" in look.printed()


METRICS = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "metrics", "name": "server"}}


def test_a_workload_of_any_add_on_that_is_missing_is_named(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of add-ons names it: a new add-on needs no check of its own."""
    metrics = Addon("metrics", "Metrics", lambda _: True, lambda _: [METRICS, METRICS | {"kind": "Service"}], "metrics")
    monkeypatch.setattr(addons, "ADDONS", (*addons.ADDONS, metrics))
    look.items("/apis/apps/v1/deployments").pop()
    printed = look.printed()
    assert "add-on metrics: expected the Deployment metrics/server,\n  saw none\n" in printed
    assert "add-on dashboard: expected the Deployment kubernetes-dashboard/dashboard-metrics-scraper" in printed
    assert printed.count("Next: pulumi up --stack shop --refresh applies it again\n") == printed.count("Next:") == 2


def test_a_workload_of_an_add_on_that_the_stack_does_not_want_is_not_missed(look: Look) -> None:
    """The dashboard is off."""
    look.settings = settings(dashboard={"kind": "none"})
    del look.items("/apis/apps/v1/deployments")[3:]
    look.assert_well()


def test_an_add_on_whose_manifest_cannot_be_read_is_named(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workloads of the add-on are unknown, and no problem names them."""

    def refuse(*_: str) -> None:
        raise RunError("no such file")

    monkeypatch.setattr(calico, "fetched_objects", refuse)
    printed = look.printed()
    assert (
        "add-on calico: expected the manifest of the add-on, which names its workloads,\n  saw no such file" in printed
    )
    assert printed.count("Next:") == 1


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
def test_a_control_plane_taint_that_is_not_the_stacks_is_named(
    look: Look, taints: list[dict[str, str]], next_command: str
) -> None:
    """Off or on: with the command that undoes it."""
    look.items("/api/v1/nodes")[0] = node("node1", "True", "", *taints)
    printed = look.printed()
    assert "node1: control-plane taint: expected node-role.kubernetes.io/control-plane:PreferNoSchedule" in printed
    assert next_command in printed


def test_a_control_plane_whose_node_registered_again_is_marked_by_a_repair(look: Look) -> None:
    """Its label is gone, and with it the taints."""
    look.items("/api/v1/nodes")[0]["metadata"]["labels"] = {}
    printed = look.printed()
    assert "node1: control-plane label: expected node-role.kubernetes.io/control-plane" in printed
    assert "Next: make repair STACK=shop HOST=node1" in printed
    assert printed.count("Next:") == 1


def running(namespace: str, label: str, value: str, on: str) -> dict[str, Any]:
    """A Ready pod with a label, on a node."""
    found = pod(namespace, ready=True, state={"running": {}})
    found["metadata"] |= {"name": value, "labels": {label: value}}
    return found | {"spec": {"nodeName": on}}


CALICO = dict.fromkeys(CALICO_ANNOTATIONS, "10.0.0.1")
NO_ROUTE = (503, {"message": "error trying to reach service: dial tcp: i/o timeout"})
COREDNS = "/api/v1/namespaces/kube-system/pods/http:kube-dns:8080/proxy/health"


@pytest.mark.parametrize("missing", CALICO_ANNOTATIONS)
def test_a_node_that_registered_again_without_calicos_addresses_is_named(look: Look, missing: str) -> None:
    """Its pods are unreachable from other nodes, the metrics scraper's among them; that is no fault of the scraper."""
    for number in (1, 2):
        look.items("/api/v1/pods").append(running("kube-system", "k8s-app", "calico-node", f"node{number}"))
    first, second = (node["metadata"] for node in look.items("/api/v1/nodes"))
    first["annotations"] = second["annotations"] = dict(CALICO)
    look.assert_well()
    second |= {"creationTimestamp": "2026-11-25T20:00:00Z", "annotations": CALICO | {missing: ""}}
    look.server.answers[SCRAPER_PROXY] = NO_ROUTE
    printed = look.printed()
    assert f"node2: pod network: expected the annotations {missing}, by which" in printed
    assert "the node registered again at 2026-11-25T20:00:00Z" in printed
    assert "Next: make repair STACK=shop HOST=node2\n" in printed
    assert printed.count("Next:") == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (NO_ROUTE, "pod network: expected the API server to reach the pods on node2"),
        ((200, "OK"), "dashboard: metrics scraper: expected the API server to reach the scraper"),
    ],
)
def test_a_scraper_on_a_node_whose_other_pods_are_not_reached_either_is_not_to_blame(
    look: Look, answer: tuple[int, Any], expected: str
) -> None:
    """CoreDNS tells one from the other."""
    look.items("/api/v1/pods").extend(
        [
            running("kubernetes-dashboard", "app", METRICS_SCRAPER, "node2"),
            running("kube-system", "k8s-app", "kube-dns", "node2"),
        ]
    )
    look.server.answers |= {SCRAPER_PROXY: NO_ROUTE, COREDNS: answer}
    printed = look.printed()
    assert expected in printed
    assert printed.count("Next:") == 1


def test_an_unreachable_node_is_named_without_the_dashboard_too(look: Look) -> None:
    """A Ready pod of CoreDNS that the API server does not reach is enough; one that is not Ready proves nothing."""
    look.settings = settings(dashboard={"kind": "none"})
    coredns = running("kube-system", "k8s-app", "kube-dns", "node2")
    look.items("/api/v1/pods").append(coredns)
    look.server.answers[COREDNS] = NO_ROUTE
    look.items(API_SERVICES)[1] = api_service("v1beta1.metrics.k8s.io", "FailedDiscoveryCheck")
    printed = look.printed()
    assert "pod network: expected the API server to reach the pods on node2" in printed
    assert "ethtool -K CARD tx-checksum-ip-generic off" in printed, "a card may drop VXLAN with TCP in it"
    assert printed.count("Next:") == 1
    look.items(API_SERVICES)[1] = api_service("v1beta1.metrics.k8s.io")
    coredns["status"]["containerStatuses"][0]["ready"] = False
    look.assert_well()


def test_taints_that_a_node_has_lost_are_named_with_their_command(look: Look) -> None:
    """A worker that registers again has those of its join; an update does not set again what it has set before."""
    stack = with_workers("node2")
    gpu = {"key": "gpu", "value": "a", "effect": "NoSchedule"}
    stack["hosts"]["node2"]["taints"] = [gpu, {"key": "slow", "effect": "NoExecute"}]
    look.settings = settings(
        hosts=stack["hosts"],
        cluster=stack["cluster"] | {"controlPlaneTaints": [CONTROL_PLANE_TAINT, gpu]},
    )
    printed = look.printed()
    assert "node2: taints: expected gpu=a:NoSchedule, slow:NoExecute" in printed
    assert "Next: kubectl taint --overwrite nodes node2 gpu=a:NoSchedule slow:NoExecute\n" in printed
    assert "Next: kubectl taint --overwrite nodes node1 gpu=a:NoSchedule\n" in printed
    assert printed.count("Next:") == 2
    look.items("/api/v1/nodes")[0]["spec"]["taints"].append(gpu)
    look.items("/api/v1/nodes")[1]["spec"]["taints"] = [gpu, {"key": "slow", "effect": "NoExecute"}]
    look.assert_well()


def test_labels_that_a_node_has_lost_are_applied_again(look: Look) -> None:
    """A node that registers again has none of the stack's."""
    stack = with_workers("node2")
    stack["hosts"]["node2"]["labels"] = {"disk": "ssd"}
    look.settings = settings(hosts=stack["hosts"])
    printed = look.printed()
    assert "node2: labels: expected disk=ssd" in printed
    assert "Next: pulumi up --stack shop --refresh\n" in printed
    look.items("/api/v1/nodes")[1]["metadata"]["labels"] = {"disk": "ssd"}
    look.assert_well()


@pytest.mark.parametrize("code", [502, 503, 504])
def test_a_metrics_scraper_that_the_api_server_cannot_reach_is_named(look: Look, code: int) -> None:
    """Its pod runs, so it is the way to it that is missing."""
    look.server.answers[SCRAPER_PROXY] = (code, {"message": "error trying to reach service: dial tcp: i/o timeout"})
    printed = look.printed()
    assert "dashboard: metrics scraper: expected the API server to reach the scraper" in printed
    assert "it has no host network\n  Next: set dashboard.metricsScraperHostNetwork: true" in printed


def test_a_request_that_rbac_forbids_is_named(look: Look) -> None:
    """Everything else is still looked at."""
    look.server.answers["/api/v1/pods"] = (403, {"message": 'User "jo" cannot list resource "pods"'})
    look.items("/api/v1/nodes")[1] = node("node2", "False", "something")
    printed = look.printed()
    assert 'saw 403: User "jo" cannot list resource "pods"' in printed
    assert "kubectl auth can-i list pods --all-namespaces" in printed
    assert "node2: node: expected the node to be Ready" in printed


@pytest.mark.parametrize(
    ("message", "is_named"),
    [('User "jo" cannot get resource "pods/proxy" in API group ""', True), ("no access", False)],
)
def test_a_pod_network_that_rbac_lets_nobody_look_at_is_not_taken_for_a_sound_one(
    look: Look, message: str, is_named: bool
) -> None:
    """Named once. A pod that refuses by itself is reached."""
    look.items("/api/v1/pods").append(running("kube-system", "k8s-app", "kube-dns", "node2"))
    look.server.answers |= {path: (403, {"message": message}) for path in (SCRAPER_PROXY, COREDNS)}
    if not is_named:
        look.assert_well()
        return
    printed = look.printed()
    assert printed.count("requests to pods through the API server: expected the user of the kubeconfig") == 1
    assert f"saw 403: {message}" in printed


def test_a_kubeconfig_of_the_stack_that_was_revoked_is_one_problem(look: Look) -> None:
    """No other request of this user is answered, and no problem names nodes."""
    message = f'nodes is forbidden: User "{PROVIDER}:0a1b2c3d" cannot list resource "nodes"'
    look.server.answers["/api/v1/nodes"] = (403, {"message": message})
    printed = look.printed()
    assert printed.count("expected ") == 1
    assert f"ClusterRoleBinding {PROVIDER} names" in printed
    assert "pulumi up --stack shop --replace '**/kubeconfig'" in printed


@pytest.mark.parametrize("conntrack", ["conntrack:\n  maxPerCore: 32768\n", "conntrack: null\n", "mode: ''\n"])
def test_kube_proxy_that_overrides_nf_conntrack_max_is_named(look: Look, conntrack: str) -> None:
    """Its default does too."""
    look.items("/api/v1/namespaces/kube-system/configmaps")[0]["data"]["config.conf"] = conntrack
    assert "kube-proxy: expected conntrack.maxPerCore 0" in look.printed()


@pytest.mark.parametrize(
    ("config_map", "seen"),
    [({}, "none"), ({"data": None}, "none"), ({"data": {"config.conf": "a: [b"}}, "something else")],
)
def test_a_kube_proxy_without_its_configuration_is_named(look: Look, config_map: dict[str, Any], seen: str) -> None:
    """With what writes it anew."""
    look.items("/api/v1/namespaces/kube-system/configmaps")[0] = config_map
    printed = look.printed()
    assert f"key config.conf,\n  saw {seen}\n  Next: kubeadm init phase addon kube-proxy" in printed


def test_a_kube_proxy_whose_config_map_is_gone(look: Look) -> None:
    """It runs on where it runs, and on no node that joins."""
    look.items("/api/v1/namespaces/kube-system/configmaps").clear()
    assert "key config.conf,\n  saw none\n  Next: kubeadm init phase addon kube-proxy" in look.printed()


@pytest.mark.parametrize("configuration", [{"conntrack": None}, {"conntrack": {"maxPerCore": None}}])
def test_a_stack_that_says_nothing_of_conntrack_takes_what_is_there(look: Look, configuration: dict[str, Any]) -> None:
    """Also where the setting has an empty value."""
    look.settings = settings(cluster=with_workers()["cluster"] | {"kubeProxyConfiguration": configuration})
    look.items("/api/v1/namespaces/kube-system/configmaps")[0]["data"]["config.conf"] = "conntrack: {maxPerCore: 5}"
    look.assert_well()


def test_a_request_without_an_answer_does_not_hide_the_others(look: Look) -> None:
    """The API server may go away between two of them."""
    look.server.silent.add("/api/v1/pods")
    look.items("/api/v1/nodes")[1] = node("node2", "False", "something")
    printed = look.printed()
    assert "GET /api/v1/pods: expected the API server at" in printed
    assert "node2: node: expected the node to be Ready" in printed


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_cannot_be_read_is_named(
    look: Look, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    """It is no kubeconfig, or not there."""
    file = tmp_path / "file"
    if content:
        file.write_bytes(content)
    assert __main__.main(["status", "shop", "--kubeconfig", str(file)]) == 1
    assert f"read the kubeconfig: expected the file {file}" in capsys.readouterr().err


def test_hosts_are_looked_at_although_the_api_server_is_down(look: Look) -> None:
    """Their problem may be the reason."""
    look.server.answers["/readyz"] = (500, {"message": "etcd failed"})
    look.facts["node1"]["containerd"] = "failed"
    printed = look.printed()
    assert "saw 500: etcd failed" in printed
    assert "node1: containerd: expected the service containerd to run" in printed


@pytest.mark.parametrize(("kind", "name"), [("daemonsets", "kube-proxy"), ("deployments", "coredns")])
def test_a_workload_of_kubeadm_that_is_gone(look: Look, kind: str, name: str) -> None:
    """There is no pod of it that would not be well: services, or names, lead nowhere."""
    items = look.items(f"/apis/apps/v1/{kind}")
    items.remove(next(each for each in items if each["metadata"]["name"] == name))
    printed = look.printed()
    assert f"{name}: expected the {kind[:-1]} kube-system/{name},\n  saw none\n".lower() in printed.lower()
    assert f"Next: on a control plane: kubeadm init phase addon {name} --config " in printed
    assert printed.count("Next:") == 1
