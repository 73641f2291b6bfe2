"""Contradictions of what a stack merges into kubeadm's documents: arguments, flags and fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.support.stacks import Stack, only_problem, problems, smallest, with_workers


def test_what_has_a_setting_of_its_own_is_refused_in_documents_of_kubeadm() -> None:
    """Two places for one thing would sooner or later disagree."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {"networking": {"podSubnet": "10.1.0.0/16"}}
    assert "networking is not set here, use cluster.networking" in only_problem(stack)


def test_a_kubelet_setting_that_the_version_does_not_know_is_refused() -> None:
    """The kubelet would not start."""
    stack = with_workers(version="1.24.3")
    stack["cluster"]["kubeletConfiguration"] = {"failCgroupV1": False}
    assert only_problem(stack).startswith("cluster.kubeletConfiguration.failCgroupV1: the kubelet of 1.24.3")
    stack["cluster"]["kubernetesVersion"] = "1.36.3"
    assert problems(stack) == []


@pytest.mark.parametrize(
    ("version", "arguments", "problem"),
    [
        ("1.36.3", [{"name": "v", "value": "4"}], None),
        ("1.36.3", [{"name": "v", "value": 4}], "name and value are strings"),
        ("1.36.3", ["v=4"], "name and value are strings"),
        ("1.36.3", {"v": "4"}, "a list of"),
        ("1.24.3", {"v": "4"}, None),
        ("1.24.3", {"v": 4}, "values are strings"),
        ("1.24.3", [{"name": "v", "value": "4"}], "a mapping of names to values"),
        ("1.24.3", "v=4", "a mapping of names to values"),
    ],
)
def test_extra_arguments_have_the_form_of_their_kubeadm(version: str, arguments: object, problem: str | None) -> None:
    """kubeadm's own message comes when the control plane is already being changed."""
    stack = with_workers(version=version)
    stack["cluster"]["clusterConfiguration"] = {"apiServer": {"extraArgs": arguments}}
    found = problems(stack)
    assert bool(found) == (problem is not None)
    assert problem is None or (problem in found[0] and "apiServer.extraArgs" in found[0])


@pytest.mark.parametrize(
    ("part", "flag", "last_minor"),
    [
        ("scheduler", "logtostderr", 25),
        ("controllerManager", "pod-eviction-timeout", 26),
        ("apiServer", "cloud-provider", 32),
    ],
)
def test_a_flag_that_kubernetes_no_longer_knows_is_refused(part: str, flag: str, last_minor: int) -> None:
    """The program would end at once, in an upgrade the one of a control plane that ran."""
    for minor, refused in ((24, False), (last_minor, False), (last_minor + 1, True), (36, True)):
        stack = with_workers(version=f"1.{minor}.0")
        arguments = [{"name": flag, "value": "x"}] if minor >= 31 else {flag: "x"}
        stack["cluster"]["clusterConfiguration"] = {part: {"extraArgs": arguments}}
        found = problems(stack)
        assert bool(found) == refused, found
        assert not refused or f"{part}.extraArgs: Kubernetes has no --{flag} since 1.{last_minor + 1}" in found[0]


@pytest.mark.parametrize(
    ("part", "flag", "reason"),
    [
        ("apiServer", "secure-port", "at port 6443"),
        ("etcd.local", "data-dir", "its data would be gone with its container"),
        ("etcd.local", "initial-cluster-state", "the program sets it"),
        ("etcd.local", "force-new-cluster", "forget its other members"),
    ],
)
def test_a_flag_that_leads_away_from_what_scripts_rely_on_is_refused(part: str, flag: str, reason: str) -> None:
    """In place of the setting of kubeadm, which is refused, too."""
    content: Any = {"extraArgs": [{"name": flag, "value": "x"}]}
    for name in reversed(part.split(".")):
        content = {name: content}
    (problem,) = problems(with_clusters_configuration(content))
    assert problem.startswith(f"cluster.clusterConfiguration.{part}.extraArgs: remove {flag}: ")
    assert reason in problem


@pytest.mark.parametrize("arguments", [{"quota-backend-bytes": "9"}, [{"name": "quota-backend-bytes", "value": 9}]])
def test_arguments_of_etcd_have_the_form_that_kubeadm_reads(arguments: Any) -> None:
    """It would say so on the machine, where packages are installed already."""
    (problem,) = problems(with_clusters_configuration({"etcd": {"local": {"extraArgs": arguments}}}))
    assert problem.startswith("cluster.clusterConfiguration.etcd.local.extraArgs: ")


def with_clusters_configuration(content: dict[str, Any]) -> Stack:
    """A stack with a part of kubeadm's ClusterConfiguration."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = content
    return stack


def test_what_upgrades_and_resets_could_not_follow_is_refused() -> None:
    """Such as etcd's data in a place that nobody saves."""
    stack = smallest()
    stack["cluster"]["clusterConfiguration"] = {
        "certificatesDir": "/pki",
        "etcd": {"local": {"dataDir": "/data/etcd", "extraArgs": [{"name": "quota-backend-bytes", "value": "1"}]}},
        "dns": {"disabled": True},
    }
    assert [problem.partition(": ")[0].rpartition("Configuration.")[2] for problem in problems(stack)] == [
        "certificatesDir",
        "etcd.local.dataDir",
        "dns.disabled",
    ]
