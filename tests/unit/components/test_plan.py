"""The plan in words."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest

from components.steps import of_every_host
from components.steps.last_update import LastUpdate
from components.steps.of_control_plane import KUBECONFIG_OWNER, PROVIDER
from components.steps.step import StepName
from tests.unit.support import recording
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import KEY, Stack


def test_a_new_cluster_is_told_host_by_host(stack: Stack) -> None:
    """Who becomes what."""
    assert planned(stack, LastUpdate()) == [
        "node1: is prepared and becomes the control plane, Kubernetes 1.35.4",
        "node2: is prepared and joins, Kubernetes 1.35.4",
        "node3: is prepared and joins, Kubernetes 1.35.4",
    ]


def test_bundles_that_nobody_can_fetch_are_told(stack: Stack) -> None:
    """When they begin, or change."""
    del stack["backup"]
    line = (
        "etcd: snapshots stay on the control planes, and are lost with the machines; with a certificate in"
        " backup.recipient they are encrypted, and `make snapshot` fetches them"
    )
    assert planned(stack, LastUpdate())[3:] == [line]
    last = state_of(record(stack, preview=False))
    assert planned(stack, last) == ["nothing is done to any node"]
    stack["backup"] = {"keep": 3}
    assert planned(stack, last) == [
        "node1: /etc/kubernetes/backup/settings changes: the next snapshot of etcd follows it",
        line,
    ]


def test_a_stack_file_that_did_not_change_does_nothing(stack: Stack, last: LastUpdate) -> None:
    """One line says so."""
    assert planned(stack, last) == ["nothing is done to any node"]


def test_steps_of_a_node_that_the_state_has_forgotten_are_told(stack: Stack, last: LastUpdate) -> None:
    """As after `pulumi state delete`: they run."""
    steps = {key: step for key, step in last.steps.items() if key[0] != "node2" or key[1] is StepName.JOIN}
    steps["node2", StepName.MEMBERSHIP] = last.steps["node2", StepName.MEMBERSHIP]
    line = "node2: prepare and images run anew, because the state lacks them"
    assert line in planned(stack, dataclasses.replace(last, steps=steps))


def test_a_kubeconfig_that_the_state_has_forgotten_is_told(stack: Stack, last: LastUpdate) -> None:
    """The cluster gets a new user. A cluster that begins gets its first one without a line."""
    line = "the stack gets a new kubeconfig, because the state lacks one"
    steps = {key: step for key, step in last.steps.items() if key[1] is not StepName.KUBECONFIG}
    assert planned(stack, dataclasses.replace(last, steps=steps)) == [line]
    assert line not in planned(stack, LastUpdate())


def test_another_password_is_told_of_every_host_and_not_shown(stack: Stack, last: LastUpdate) -> None:
    """Only containerd 1.4 restarts for it; it runs under Kubernetes up to 1.25."""
    assert planned(stack, last, "fish-sword") == [
        f"node{number}: passwords of registries change: holds from the next pull on, nothing restarts"
        for number in (1, 2, 3)
    ] + ["secret shop/registry-credentials: changes in content"]


def test_another_password_restarts_containerd_1_4(directory: Path) -> None:
    """Whether a host has it is not known in a preview."""
    stack = stack_of(directory, version="1.24.3")
    before = state_of(record(stack, preview=False))
    assert planned(stack, before) == ["nothing is done to any node"]
    assert planned(stack, before, "fish-sword") == [
        "node1: passwords of registries change: containerd 1.4 restarts, newer ones do not; pods keep running",
        "secret shop/registry-credentials: changes in content",
    ]


def test_images_that_are_pulled_early_are_named(stack: Stack, last: LastUpdate) -> None:
    """Where they are others than before."""
    stack["images"]["rewrite"]["docker.io"] = "hub.example.com/other"
    images = ", ".join(f"hub.example.com/other/calico/{name}:v3.28.5" for name in ("cni", "node"))
    assert f"node2: pulls {images}" in planned(stack, last)


def test_a_changed_file_is_named_with_what_it_restarts(stack: Stack, last: LastUpdate) -> None:
    """A sysctl restarts nothing, another pause image restarts containerd."""
    stack["hosts"]["node2"]["sysctl"] = {"vm.overcommit_memory": 1}
    assert planned(stack, last) == ["node2: /etc/sysctl.d/99-kubernetes.conf changes: holds at once, nothing restarts"]
    stack["hosts"]["node2"]["sysctl"] = {}
    stack["containerd"]["pauseImage"] = "hub.example.com/pause:1"
    restarts = "/etc/containerd/config.toml changes: containerd restarts, pods keep running"
    assert planned(stack, last) == [
        f"node{number}: {line}" for number in (1, 2, 3) for line in (restarts, "pulls hub.example.com/pause:1")
    ]


def test_an_upgrade_says_its_order(stack: Stack, last: LastUpdate) -> None:
    """etcd, control plane, then worker after worker."""
    stack["cluster"]["kubernetesVersion"] = "1.36.3"
    lines = [line for line in planned(stack, last) if "changes:" not in line]
    effect = "drained, restarted, uncordoned; the API does not answer for a moment"
    assert lines == [
        f"node1: etcd is saved, then the control plane is upgraded from 1.35.4 to 1.36.3: {effect}",
        "node2: is drained, upgraded from 1.35.4 to 1.36.3, and uncordoned; 1 worker at a time",
        "node3: is drained, upgraded from 1.35.4 to 1.36.3, and uncordoned; 1 worker at a time",
    ]


def test_hosts_that_come_and_go_are_told(stack: Stack, last: LastUpdate) -> None:
    """One dead, one removed, one new."""
    stack["hosts"]["node4"] = {"address": "192.0.2.14", "hostKey": f"{KEY}14"}
    stack["hosts"]["node2"]["gone"] = True
    del stack["hosts"]["node3"]
    assert planned(stack, last) == [
        "node2: is gone: its node is deleted; nothing connects to the machine",
        "node4: is prepared and joins, Kubernetes 1.35.4",
        "node3: is drained within 300 s, its node is deleted, the machine is reset",
    ]


def test_kubelet_and_api_server_are_told_apart(stack: Stack, last: LastUpdate) -> None:
    """Which of them restarts, and where."""
    stack["cluster"]["kubeletConfiguration"] = {"maxPods": 50}
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"certSANs": ["api.example.com"]}}
    assert [line for line in planned(stack, last) if "changes:" not in line] == [
        "node1: API server, controller manager, scheduler and etcd restart where their arguments change",
        "node1: kubelet restarts, pods keep running",
        "node2: kubelet restarts, pods keep running",
        "node3: kubelet restarts, pods keep running",
    ]


@pytest.mark.parametrize(
    ("change", "objects"),
    [
        ({"mtu": 1400}, "ConfigMap:kube-system/calico-config, DaemonSet:kube-system/calico-node change"),
        ({"vxlanMode": "CrossSubnet"}, "DaemonSet:kube-system/calico-node changes"),
    ],
)
def test_a_pod_network_that_changes_is_told(
    stack: Stack, last: LastUpdate, change: dict[str, object], objects: str
) -> None:
    """calico-node restarts, although nothing is done on a machine."""
    stack["calico"] |= change
    assert planned(stack, last) == [
        "every node: calico-node restarts, one node after the other; pods keep running",
        f"add-on calico: {objects}",
    ]


@pytest.mark.parametrize(
    ("dashboard", "line"),
    [
        ({"nodePort": 30010}, "add-on dashboard: Service:kubernetes-dashboard/kubernetes-dashboard changes"),
    ],
)
def test_an_add_on_that_changes_is_in_the_plan(
    stack: Stack, last: LastUpdate, dashboard: dict[str, object], line: str
) -> None:
    """No node is touched, and still something changes."""
    stack["dashboard"] = dashboard
    assert planned(stack, last) == [line]


def test_the_dashboard_goes_with_the_account_that_is_for_it(stack: Stack, last: LastUpdate) -> None:
    """Nobody else asked for an account that may do everything."""
    stack["dashboard"] = {"kind": "headlamp"}
    lines = planned(stack, last)
    assert {"add-on dashboard: is removed", "add-on headlamp: is applied"} <= set(lines)
    assert "binding in the whole cluster admin-user: is deleted" in lines


def test_an_add_on_that_comes_later_is_in_the_plan(directory: Path) -> None:
    """Of a cluster that exists."""
    stack = stack_of(directory) | {"dashboard": {"kind": "none"}}
    without = state_of(record(stack, preview=False))
    assert planned(stack, without) == ["nothing is done to any node"]
    del stack["dashboard"]
    assert "add-on dashboard: is applied" in planned(stack, without)


def test_values_that_say_nothing_are_no_change_of_an_add_on(stack: Stack, last: LastUpdate) -> None:
    """As the provider records an object of a real cluster: without some values that are false, null or empty."""
    name = ("apps", "Deployment", "Deployment:kubernetes-dashboard/dashboard-metrics-scraper")
    recorded = copy.deepcopy(dict(last.objects[name]))
    assert recorded["spec"]["template"]["spec"].pop("hostNetwork") is False
    as_real = dataclasses.replace(last, objects={**last.objects, name: {"__inputs": recorded, "status": {"x": 1}}})
    assert planned(stack, as_real) == ["nothing is done to any node"]
    stack["dashboard"] = {"metricsScraperHostNetwork": True}
    assert planned(stack, as_real) == [
        f"add-on dashboard: {name[-1]} changes",
        "namespace kubernetes-dashboard: Pod Security level privileged, baseline before; for new pods only",
    ]


def test_settings_that_only_verify_a_node_are_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """They run steps, so they are no nothing."""
    stack["policy"] = {"resetOnFailure": True, "drainTimeoutSeconds": 60}
    assert planned(stack, last) == [
        "node1: policy.resetOnFailure, policy.drainTimeoutSeconds change: the node is verified",
        "node2: policy.resetOnFailure changes: the node is verified",
        "node3: policy.resetOnFailure changes: the node is verified",
    ]


def test_no_secret_is_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """What the state holds of the join is not repeated."""
    stack["cluster"]["kubernetesVersion"] = "1.36.3"
    assert recording.TOKEN not in "\n".join(planned(stack, last))
    assert recording.TOKEN in last.steps["node2", StepName.JOIN].stdin


def test_a_renewal_replaces_the_kubeconfig(stack: Stack, last: LastUpdate) -> None:
    """And says that the control plane restarts."""
    stack["cluster"]["certificateGeneration"] = 1
    assert planned(stack, last) == [
        "node1: certificates are renewed, the control plane restarts",
        "the stack gets a new kubeconfig",
    ]


def test_a_stack_with_the_kubeconfig_of_an_administrator_gets_its_own(stack: Stack, last: LastUpdate) -> None:
    """Its state has admin.conf, from a step that knew no other user."""
    key = (KUBECONFIG_OWNER, StepName.KUBECONFIG)
    old = last.steps[key].stdin.replace(f"export PROVIDER={PROVIDER}\n", "")
    assert old != last.steps[key].stdin
    before = dataclasses.replace(last, steps={**last.steps, key: dataclasses.replace(last.steps[key], stdin=old)})
    assert planned(stack, before) == ["the stack gets a new kubeconfig"]


def test_another_version_of_the_scripts_is_announced_once_for_all_hosts(
    stack: Stack, last: LastUpdate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preparation runs again with them; no file changes."""
    monkeypatch.setattr(of_every_host, "scripts_version", lambda: "another")
    assert planned(stack, last) == [
        "node1, node2, node3: get the scripts of another version of this project; preparation runs again"
    ]


def test_labels_that_change_are_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """With their values, beside those that go; a new node has its labels from the join on."""
    stack["hosts"]["node2"]["labels"] = {"zone": "b", "disk": "fast"}
    assert planned(stack, last) == ["node2: labels change: zone=b, disk=fast; nothing restarts"]
    labelled = state_of(record(stack, preview=False, before=None))
    del stack["hosts"]["node2"]["labels"]["zone"]
    assert planned(stack, labelled) == ["node2: labels change: without zone; nothing restarts"]
    stack["hosts"]["node4"] = {"address": "192.0.2.14", "hostKey": f"{KEY}14", "labels": {"zone": "c"}}
    assert "node4: is prepared and joins, Kubernetes 1.35.4" in planned(stack, labelled)
    assert not [line for line in planned(stack, labelled) if line.startswith("node4: labels")]


def test_a_pod_security_level_that_changes_is_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """A cluster of an older version of this project has none; a new namespace has no pods to tell of."""
    stack["access"] = {"podSecurity": {"shop": "restricted", "new": "baseline"}}
    line = "namespace shop: Pod Security level restricted, baseline before; for new pods only"
    assert planned(stack, last) == ["namespace new: is created", line]
    shop = last.objects["", "Namespace", "shop"]
    unlabelled = {**last.objects, ("", "Namespace", "shop"): {**shop, "metadata": {"name": "shop"}}}
    del stack["access"]
    line = "namespace shop: Pod Security level baseline, none before; for new pods only"
    assert planned(stack, dataclasses.replace(last, objects=unlabelled)) == [line]


def test_taints_that_change_are_in_the_plan_with_their_values(stack: Stack, last: LastUpdate) -> None:
    """Of both roles; no taint is a value too."""
    stack["hosts"]["node2"]["taints"] = [{"key": "gpu", "value": "a", "effect": "NoSchedule"}]
    stack["cluster"]["controlPlaneTaints"] = []
    assert [line for line in planned(stack, last) if "taints" in line] == [
        "node1: taints change to none; nothing restarts",
        "node2: taints change to gpu=a:NoSchedule; nothing restarts",
    ]


def test_a_host_that_never_joined_leaves_with_a_reset(stack: Stack, last: LastUpdate) -> None:
    """The state does not tell a machine that was declared gone, to which nothing connects."""
    del stack["hosts"]["node3"]
    steps = {key: each for key, each in last.steps.items() if key != ("node3", StepName.MEMBERSHIP)}
    assert planned(stack, dataclasses.replace(last, steps=steps)) == [
        "node3: leaves the stack; the machine is reset, unless it was declared gone",
    ]
