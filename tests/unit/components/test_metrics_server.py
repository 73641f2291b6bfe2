"""metrics-server: a part of each cluster, unless a stack leaves it out; it trusts the cluster's authority alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.addons.metrics_server import METRICS_SERVER
from components.settings.stack_file import parse_settings
from local.paths import REPOSITORY
from tests.unit.support.planning import impossible, planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack, only_problem, problems, smallest, with_workers

DEPLOYMENT = "Deployment:kube-system/metrics-server"
API = "APIService:v1beta1.metrics.k8s.io"
OFF = {"metricsServer": {"enabled": False}}


def pod_of(stack: Stack) -> Any:
    """The specification of its pod."""
    (deployment,) = [each for each in METRICS_SERVER.objects(parse_settings(stack)) if each["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]


def test_it_believes_kubelets_whose_certificate_the_authority_of_the_cluster_signed() -> None:
    """At the address that the service of the control planes approves, and no other."""
    (container,) = pod_of(smallest())["containers"]
    authority = "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    assert {authority, "--kubelet-preferred-address-types=InternalIP"} <= set(container["args"])
    assert not [each for each in container["args"] if "insecure" in each]


def test_its_pod_keeps_to_the_level_restricted() -> None:
    """No namespace of Kubernetes makes it."""
    pod = pod_of(smallest())
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (context["allowPrivilegeEscalation"], context["runAsNonRoot"]) == (False, True)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"]


@pytest.mark.parametrize(
    ("kubernetes", "version"),
    [("1.24.3", "0.6.4"), ("1.30.14", "0.7.2"), ("1.33.5", "0.8.1"), ("1.34.4", "0.9.0"), ("1.37.2", "0.9.0")],
)
def test_its_version_follows_that_of_kubernetes(kubernetes: str, version: str) -> None:
    """As its makers list them."""
    (container,) = pod_of(with_workers(version=kubernetes))["containers"]
    assert container["image"] == f"registry.k8s.io/metrics-server/metrics-server:v{version}"


def test_a_stack_may_name_the_image_and_the_network_of_the_host() -> None:
    """The image is rewritten as every other."""
    own = {"image": "registry.k8s.io/metrics-server/metrics-server:v1.0.0", "hostNetwork": True}
    pod = pod_of(smallest() | {"metricsServer": own, "images": {"rewrite": {"registry.k8s.io": "hub.example.com/k8s"}}})
    assert pod["containers"][0]["image"] == "hub.example.com/k8s/metrics-server/metrics-server:v1.0.0"
    assert pod["hostNetwork"]
    assert "hostNetwork" not in pod_of(smallest())


def test_its_api_is_registered_when_its_pod_serves(tmp_path: Path) -> None:
    """An API that nobody serves keeps every namespace from being deleted; so it is the first to go, too."""
    found = {each.name: each for each in record(stack_of(tmp_path), preview=False).resources}
    assert found[DEPLOYMENT].urn in found[API].request.dependencies


def test_a_stack_of_an_older_version_gets_it_and_the_plan_says_so(tmp_path: Path) -> None:
    """It goes as it came."""
    stack = stack_of(tmp_path)
    without, with_it = (state_of(record(each, preview=False)) for each in (stack | OFF, stack))
    assert planned(stack, without) == ["add-on metrics-server: is applied"]
    assert planned(stack, with_it) == ["nothing is done to any node"]
    assert planned(stack | OFF, with_it) == ["add-on metrics-server: is removed"]


def test_it_follows_an_add_on_of_the_stack_with_the_same_objects_in_two_updates(tmp_path: Path) -> None:
    """In one update the engine would make its Deployment, and then delete it for the add-on that leaves."""
    manifest = tmp_path / "own.yaml"
    manifest.write_text((REPOSITORY / "manifests" / "metrics-server.yaml").read_text())
    stack = stack_of(tmp_path)
    own = state_of(record(stack | OFF | {"addons": {"own": {"manifest": str(manifest)}}}, preview=False))
    (problem,) = impossible(stack, own)
    assert problem.startswith("add-on metrics-server: its objects are those of another add-on until that one has left")
    assert "switch it off, `pulumi up`, then write it again" in problem
    assert impossible(stack | OFF, own) == []
    assert impossible(stack, state_of(record(stack | OFF, preview=False))) == []


@pytest.mark.parametrize(
    ("path", "kubelet"),
    [
        ("serverTLSBootstrap", {"serverTLSBootstrap": False}),
        ("featureGates.RotateKubeletServerCertificate", {"featureGates": {"RotateKubeletServerCertificate": False}}),
        ("tlsCertFile", {"tlsCertFile": "/etc/kubernetes/kubelet.crt"}),
        ("authentication.webhook.enabled", {"authentication": {"webhook": {"enabled": False}}}),
    ],
)
def test_kubelets_that_it_could_not_believe_are_refused(path: str, kubelet: Stack) -> None:
    """Before anything is touched, with both ways out."""
    stack = smallest()
    stack["cluster"]["kubeletConfiguration"] = kubelet
    problem = only_problem(stack)
    assert problem.startswith(f"cluster.kubeletConfiguration.{path}: metrics-server takes only certificates")
    assert "set metricsServer.enabled to false" in problem
    assert problems(stack | OFF) == []
