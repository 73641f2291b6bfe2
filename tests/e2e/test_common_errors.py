"""The guide's common errors: each is provoked, named by `make status` with what to do, and mended again.

An expired join token is in test_lifecycle.py: what mends it is a plain `pulumi up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.environment import E2E
from tests.e2e.conftest import CREDENTIALS, STACK, Cluster, configure, failure, machine_names, operation, setting
from tests.e2e.status import assert_named, assert_well, status

FIRST, SECOND, THIRD = machine_names()
DASHBOARD = "kubernetes-dashboard"
KEPT = "/var/tmp/kept"
CNI = "/etc/cni/net.d/10-calico.conflist"
STOP_TIMEOUT = "/etc/systemd/system.conf.d/kubernetes.conf"
CONTAINERD = "/etc/containerd/config.toml"
NO_CRI = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'


@pytest.fixture(scope="module", autouse=True)
def _up_and_well(live: Cluster) -> None:
    """The tests of the same cluster before took its objects away."""
    live.stack.up()
    assert_well()


@contextmanager
def away(live: Cluster, machine: str, file: str, then: str = "true", instead: str = "") -> Iterator[None]:
    """A file of a machine is away, or another one in its place, and comes back."""
    replace = f"cat >{file} <<'TEXT'\n{instead}TEXT" if instead else "true"
    live.on(machine, f"mv {file} {KEPT}\n{replace}\n{then}")
    try:
        yield
    finally:
        live.on(machine, f"mv {KEPT} {file}\n{then}")


@contextmanager
def applied(live: Cluster, manifest: dict[str, Any]) -> Iterator[None]:
    """An object is in the cluster, for a while."""
    text = json.dumps(manifest)
    live.kubectl("apply", "--filename=-", standard_input=text)
    try:
        yield
    finally:
        live.kubectl("delete", "--filename=-", "--force", "--grace-period=0", standard_input=text)


def pod(name: str, image: str, **spec: Any) -> dict[str, Any]:
    """A pod in a namespace without a pull secret."""
    container = {"name": "it", "image": image, "imagePullPolicy": "Always"}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


def test_containerd_that_does_not_run(live: Cluster) -> None:
    """On a worker."""
    live.on(THIRD, "systemctl stop containerd")
    try:
        assert_named(f"{THIRD}: containerd: expected the service containerd to run", "systemctl restart containerd")
    finally:
        live.on(THIRD, "systemctl start containerd")
    assert_well()


def test_a_containerd_whose_cri_is_disabled_is_put_back_by_the_command_that_is_named(live: Cluster) -> None:
    """As the file of Docker's package does."""
    live.on(THIRD, f"cat >{CONTAINERD} <<'TEXT'\n{NO_CRI}TEXT\nsystemctl restart containerd")
    assert_named(
        f"{THIRD}: containerd: expected containerd to serve the CRI",
        "its CRI plugin is disabled",
        f"make repair STACK={E2E.name} HOST={THIRD}",
    )
    assert operation("repair", E2E.name, THIRD)[0] == 0
    assert_well()


def test_a_pause_image_that_cannot_be_pulled(live: Cluster) -> None:
    """Its registry wants a password that the host has not; a new pod needs the image."""
    image = live.on(FIRST, "containerd config dump | sed -nE \"s/^ *sandbox = '(.*)'/\\1/p\"").strip()
    with (
        away(live, THIRD, CREDENTIALS, then=f"crictl rmi {image} || true"),  # the second time it is not there
        applied(live, pod("sandboxed", live.access.probe_image, nodeName=THIRD)),
    ):
        assert_named(
            f"{THIRD}: pause image: expected {image} on the host",
            f"crictl pull {image}",
            "pod default/sandboxed: expected the pause image to be pullable",
            "401",
        )
    live.on(THIRD, f"crictl pull {image}")
    assert_well()


def test_a_pod_network_without_its_configuration(live: Cluster) -> None:
    """The node is not Ready, and its pod of Calico writes the file anew."""
    live.on(SECOND, f"rm {CNI}")
    assert_named(
        f"{SECOND}: pod network: expected a CNI configuration", f"{SECOND}: node: expected the node to be Ready"
    )
    calico = ("--selector=k8s-app=calico-node", f"--field-selector=spec.nodeName={SECOND}")
    live.kubectl("--namespace=kube-system", "delete", "pod", *calico)
    assert_well()


def test_a_dashboard_that_crashes(live: Cluster) -> None:
    """Again and again."""
    container = {"name": DASHBOARD, "command": ["/bin/false-start"]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    live.kubectl("--namespace", DASHBOARD, "patch", "deployment", DASHBOARD, f"--patch={json.dumps(patch)}")
    try:
        assert_named(f"pod {DASHBOARD}/", "expected the dashboard to keep running", "a crash loop", "logs")
    finally:
        live.kubectl("--namespace", DASHBOARD, "rollout", "undo", "deployment", DASHBOARD)
    assert_well()


def test_a_dashboard_that_does_not_run_ends_the_update_with_what_finds_the_cause() -> None:
    """The error of Pulumi itself is only that the Deployment did not become available."""
    with setting("dashboard.image", "docker.io/kubernetesui/dashboard:none"):
        seen = failure()
        assert f"make status STACK={E2E.name}, which names what is wrong" in seen
        assert f"Deployment:{DASHBOARD}/{DASHBOARD}: expected the cluster to take and run it" in seen
        assert_named(f"pod {DASHBOARD}/", "dashboard:none to be pullable", "make mirror")
    STACK.up()
    assert_well()


@pytest.mark.parametrize(
    ("part", "program"), [("apiServer", "kube-apiserver"), ("scheduler", "kube-scheduler")], ids=["api", "scheduler"]
)
def test_arguments_that_do_not_work_are_taken_back(live: Cluster, part: str, program: str) -> None:
    """The control plane runs on as it did, and an edit that is taken back is done with."""
    arguments = f"cluster.clusterConfiguration.{part}.extraArgs[0]"
    before = live.on(FIRST, f"cat /etc/kubernetes/manifests/{program}.yaml")
    with setting(f"{arguments}.name", "no-such-flag"):
        configure("set", "--path", f"{arguments}.value", "x")
        seen = failure()
    assert f"{FIRST}: init: expected {program} to run with its new arguments" in seen
    assert "unknown flag: --no-such-flag" in seen
    assert live.on(FIRST, f"cat /etc/kubernetes/manifests/{program}.yaml") == before
    STACK.up()
    assert_well()


def test_a_kubelet_configuration_that_does_not_work_is_taken_back(live: Cluster) -> None:
    """On the control plane, before any worker hears of it."""
    with setting("cluster.kubeletConfiguration.maxPods", "-5"):
        seen = failure()
    assert f"{FIRST}: init: expected the kubelet to run with its new configuration" in seen
    assert "maxPods" in seen
    config = live.get("--namespace=kube-system", "configmap", "kubelet-config")["data"]["kubelet"]
    assert "-5" not in config
    STACK.up()
    assert_well()


def test_a_metrics_scraper_that_the_api_server_cannot_reach(live: Cluster) -> None:
    """As in networks where it needs the host's network: here a policy bars its pod, which stays Ready."""
    metadata = {"name": "no-way-in", "namespace": DASHBOARD}
    selector = {"podSelector": {"matchLabels": {"app": "dashboard-metrics-scraper"}}, "policyTypes": ["Ingress"]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": selector}
    with applied(live, policy):
        # A new pod: the API server keeps its connection to the old one, which no policy cuts.
        live.kubectl("--namespace", DASHBOARD, "delete", "pod", "--selector=app=dashboard-metrics-scraper")
        assert_named(
            "dashboard: metrics scraper: expected the API server to reach the scraper",
            "metricsScraperHostNetwork: true",
        )
    assert_well()


def test_a_user_without_rights(live: Cluster, tmp_path: Path) -> None:
    """`make kubeconfig` of the reader, who may see nothing of the cluster; the error names the command to try."""
    file = tmp_path / "kubeconfig"
    assert operation("kubeconfig", E2E.name, "--user", "reader", "--file", str(file))[0] == 0
    code, output = status("--kubeconfig", str(file))
    assert code == 1
    assert 'User "system:serviceaccount:default:reader" cannot list resource "nodes"' in output
    assert "kubectl auth can-i list nodes" in output
    kubectl = ("--kubeconfig", str(file), "auth", "can-i", "list", "pods", "--namespace")
    assert live.kubectl(*kubectl, "default").strip() == "yes"
    assert live.kubectl(*kubectl, "kube-system", check=False).splitlines()[-1] == "no"


def test_a_binding_that_was_taken_away(live: Cluster) -> None:
    """Of a service account of the stack."""
    kept = live.get("clusterrolebinding", "admin-user")
    live.kubectl("delete", "clusterrolebinding", "admin-user")
    try:
        assert_named("expected a binding to cluster-admin in the whole cluster", "kubectl auth can-i --list --as")
    finally:
        kept["metadata"] = {key: kept["metadata"][key] for key in ("name", "annotations") if key in kept["metadata"]}
        live.kubectl("create", "--filename=-", standard_input=json.dumps(kept))
    assert_well()


def test_the_control_plane_taint_off_and_on_again(live: Cluster) -> None:
    """And a pod that waits because of a harder one."""
    key = "node-role.kubernetes.io/control-plane"
    live.kubectl("taint", "nodes", FIRST, f"{key}-")
    back = f"kubectl taint nodes {FIRST} {key}=:PreferNoSchedule"
    assert_named(f"{FIRST}: control-plane taint: expected {key}:PreferNoSchedule,\n  saw none", back)
    live.kubectl(*back.split()[1:])
    assert_well()
    live.kubectl("taint", "nodes", FIRST, f"{key}=:NoSchedule")
    waiting = pod("waiting", live.access.probe_image, nodeSelector={"kubernetes.io/hostname": FIRST})
    with applied(live, waiting):
        assert_named("pod default/waiting: expected a node that takes the pod", f"{key}:NoSchedule-")
        live.kubectl("taint", "nodes", FIRST, f"{key}:NoSchedule-")
    assert_well()


def test_a_registry_without_credentials(live: Cluster) -> None:
    """The pod's namespace has no pull secret, and the host no password."""
    with (
        away(live, THIRD, CREDENTIALS, instead=without_password(live.on(THIRD, f"cat {CREDENTIALS}"))),
        applied(live, pod("unpulled", live.access.probe_image, nodeName=THIRD)),
    ):
        assert_named(
            f"pod default/unpulled: expected credentials for {live.access.registry}", "images.pullSecretNamespaces"
        )
    assert_well()


def test_a_reboot_that_would_hang_on_shims(live: Cluster) -> None:
    """Without the setting, systemd waits 90 s for each."""
    with away(live, SECOND, STOP_TIMEOUT, then="systemctl daemon-reexec"):
        assert_named(f"{SECOND}: reboot: expected DefaultTimeoutStopSec of systemd to be 5 s", "saw 90 s")
    assert_well()


def test_kube_proxy_that_overrides_the_systems_conntrack_setting(live: Cluster) -> None:
    """In its configuration."""
    config_map = live.get("--namespace=kube-system", "configmap", "kube-proxy")
    kept = config_map["data"]["config.conf"]

    def configure(text: str) -> None:
        patch = json.dumps({"data": {"config.conf": text}})
        live.kubectl("--namespace=kube-system", "patch", "configmap", "kube-proxy", f"--patch={patch}")

    assert "maxPerCore: 0" in kept
    configure(kept.replace("maxPerCore: 0", "maxPerCore: 32768"))
    try:
        assert_named("kube-proxy: expected conntrack.maxPerCore 0", "kube-proxy overrides nf_conntrack_max")
    finally:
        configure(kept)
    assert_well()


def without_password(hosts_toml: str) -> str:
    """The way to the registry, and no login."""
    return "".join(f"{line}\n" for line in hosts_toml.splitlines() if "Authorization" not in line)
