"""Settings that people bring from other installers, and that kubeadm takes: refused where they break clusters."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from components.host_files import kubeadm
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import Stack, only_problem, problems, with_workers


def with_cluster(**settings: Any) -> Stack:
    """A stack with settings of its cluster."""
    stack = with_workers("node2")
    stack["cluster"] |= settings
    return stack


def with_kubelet(**fields: Any) -> Stack:
    """A stack with fields of the KubeletConfiguration."""
    return with_cluster(kubeletConfiguration=fields)


@pytest.mark.parametrize(("value", "is_taken"), [("false", False), ("False", False), ("0", False), ("true", True)])
def test_an_api_server_that_its_kubelet_would_end_is_refused(value: str, is_taken: bool) -> None:
    """It is ready, and ends after minutes: hardening guides turn anonymous requests off."""
    arguments = [{"name": "anonymous-auth", "value": value}]
    stack = with_cluster(clusterConfiguration={"apiServer": {"extraArgs": arguments}})
    assert bool(problems(stack)) != is_taken
    assert is_taken or "anonymous-auth: the kubelet would end each API server" in only_problem(stack)


@pytest.mark.parametrize(
    ("field", "value", "is_taken"),
    [
        ("clusterDomain", "k8s.local", False),
        ("clusterDomain", "cluster.local", True),
        ("staticPodPath", "/etc/kubelet.d", False),
        ("rotateCertificates", False, False),
        ("rotateCertificates", None, True),
        ("maxPods", 250, True),
    ],
)
def test_a_field_that_kubeadm_only_warns_of_is_refused(field: str, value: object, is_taken: bool) -> None:
    """Names of services would lead nowhere, no static pod would start, or nodes would leave after a year."""
    stack = with_kubelet(**{field: value})
    assert bool(problems(stack)) != is_taken
    assert is_taken or only_problem(stack).startswith(f"cluster.kubeletConfiguration.{field}: the cluster has ")


def test_the_domain_of_the_kubelet_is_that_of_the_stack() -> None:
    """Whichever it is."""
    stack = with_kubelet(clusterDomain="k8s.local")
    stack["cluster"]["networking"] = {"dnsDomain": "k8s.local"}
    assert problems(stack) == []


def test_a_kubelet_that_protects_the_kernels_defaults_needs_its_sysctls() -> None:
    """It ends without them, on an init that is then cut short."""
    stack = with_kubelet(protectKernelDefaults=True) | {"system": {"sysctl": {"vm.overcommit_memory": 1}}}
    found = only_problem(stack)
    assert found.startswith("cluster.kubeletConfiguration.protectKernelDefaults: the kubelet ends without sysctls")
    assert found.endswith("add to system.sysctl: kernel.panic: 10, kernel.panic_on_oops: 1")
    stack["system"]["sysctl"] |= {"kernel.panic": "10", "kernel.panic_on_oops": 1}
    assert problems(stack) == []
    stack["hosts"]["node2"]["sysctl"] = {"kernel.panic": 5}
    assert only_problem(stack).endswith("add to system.sysctl: kernel.panic: 10")


@pytest.mark.parametrize(
    ("version", "rewrite", "expected"),
    [
        ("1.24.3", {}, {"imageRepository": "registry.k8s.io/coredns"}),
        ("1.24.3", {"registry.k8s.io": "hub.example.com/k8s"}, None),
        ("1.24.9", {}, None),
        ("1.36.3", {}, None),
    ],
)
def test_a_kubeadm_of_before_the_public_registry_is_told_where_coredns_is(
    version: str, rewrite: dict[str, str], expected: dict[str, str] | None
) -> None:
    """It takes registry.k8s.io for a private registry, in which it leaves a part of the path out."""
    settings = parse_settings(with_workers(version=version) | {"images": {"rewrite": rewrite}})
    documents = yaml.safe_load_all(kubeadm.configuration(settings.control_planes[0], settings).content)
    (cluster,) = [each for each in documents if each["kind"] == "ClusterConfiguration"]
    assert cluster.get("dns") == expected
