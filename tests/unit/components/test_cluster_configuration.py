"""Contradictions of what a stack merges into kubeadm's documents: arguments, flags and fields."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.addons.calico import calico_manifests
from components.addons.manifests import containers
from components.review.addons import refuse_wrong_addons
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.stacks import (
    CALICO_MANIFEST,
    Stack,
    full,
    only_problem,
    problems,
    smallest,
    with_setting,
    with_workers,
)


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
        ("apiServer", "advertise-address", "each API server has that of its node"),
        ("apiServer", "etcd-servers", "the etcd beside it"),
        ("etcd.local", "data-dir", "its data would be gone with its container"),
        ("etcd.local", "wal-dir", "its data would be gone with its container"),
        *(
            ("etcd.local", name, "kubeadm gives each member of etcd its own")
            for name in ("name", "initial-cluster", "initial-advertise-peer-urls", "advertise-client-urls")
        ),
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


def arguments(version: str, **flags: str) -> Any:
    """`extraArgs` in the form of the kubeadm of a version."""
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    if int(version.split(".")[1]) < 31:
        return named
    return [{"name": name, "value": value} for name, value in named.items()]


@pytest.mark.parametrize(
    ("version", "mode", "is_taken"),
    [
        ("1.36.3", "iptables", True),
        ("1.36.3", "", True),
        ("1.36.3", "nftable", False),
        ("1.36.3", "IPVS", False),
        ("1.36.3", 5, False),
        ("1.36.3", ["ipvs"], False),
        ("1.24.3", "userspace", True),
        ("1.26.15", "userspace", False),
        ("1.30.14", "nftables", False),
    ],
)
def test_a_mode_of_kube_proxy_that_its_version_lacks_is_refused(version: str, mode: object, is_taken: bool) -> None:
    """kubeadm hands it on, and kube-proxy ends on every node of a running cluster."""
    stack = with_workers(version=version)
    stack["cluster"]["kubeProxyConfiguration"] = {"mode": mode}
    assert bool(problems(stack)) != is_taken
    assert is_taken or only_problem(stack).startswith("cluster.kubeProxyConfiguration.mode: expected iptables or ipvs")


def test_kube_proxy_and_calico_both_use_nftables_or_neither_does(tmp_path: Path) -> None:
    """A Calico that cannot is named; one that can is told."""
    stack = with_setting("cluster", kubeProxyConfiguration={"mode": "nftables"}, kubernetesVersion="1.35.4")
    expected = "cluster.kubeProxyConfiguration.mode: nftables needs Calico 3.31 or newer, found calico.version 3.28.5"
    assert only_problem(stack | {"calico": {"version": "3.28.5"}}).startswith(expected)
    assert problems(stack) == []
    stack = full(tmp_path)
    for mode, wanted in (("nftables", ["Enabled"]), ("iptables", [])):
        stack["cluster"]["kubeProxyConfiguration"] = {"mode": mode}
        objects = calico_manifests(parse_settings(stack))
        variables = [each for node in objects for container in containers(node) for each in container.get("env", ())]
        assert [each["value"] for each in variables if each["name"] == "FELIX_NFTABLESMODE"] == wanted


def test_a_manifest_of_a_calico_without_nftables_is_refused(tmp_path: Path) -> None:
    """Its version is known once it is fetched; of a manifest that names none nothing is known."""
    stack = full(tmp_path)
    stack["cluster"]["kubeProxyConfiguration"] = {"mode": "nftables"}
    with pytest.raises(SettingsError, match=r"needs Calico 3\.31 or newer, found 3\.28\.5 at calico\.manifestUrl"):
        refuse_wrong_addons(parse_settings(stack))
    for tag in ("v3.31.7", "mine"):
        text = CALICO_MANIFEST.replace("v3.28.5", tag)
        (tmp_path / "manifest.yaml").write_text(text)
        stack["calico"]["manifestSha256"] = hashlib.sha256(text.encode()).hexdigest()
        refuse_wrong_addons(parse_settings(stack))


@pytest.mark.parametrize("behavior", ["LimitedSwap", "UnlimitedSwap"])
def test_swap_for_pods_contradicts_a_host_without_swap(behavior: str) -> None:
    """Every host has swap off and masked."""
    stack = with_setting("cluster", kubeletConfiguration={"memorySwap": {"swapBehavior": behavior}})
    assert only_problem(stack).startswith("cluster.kubeletConfiguration.memorySwap.swapBehavior: no pod gets swap")
    stack["cluster"]["kubeletConfiguration"] = {"memorySwap": {"swapBehavior": "NoSwap"}}
    assert problems(stack) == []


@pytest.mark.parametrize(
    ("subnet", "flags", "is_taken"),
    [
        ("10.244.0.0/30", {}, False),
        ("10.244.0.0/25", {}, False),
        ("10.244.0.0/24", {}, True),
        ("10.0.0.0/7", {}, False),
        ("10.244.0.0/25", {"node_cidr_mask_size": "26"}, True),
        ("10.244.0.0/25", {"node_cidr_mask_size_ipv4": "26"}, True),
        ("10.244.0.0/24", {"node_cidr_mask_size": "20"}, False),
    ],
)
@pytest.mark.parametrize("version", ["1.24.3", "1.36.3"])
def test_a_pod_subnet_that_kubeadm_refuses_is_refused_first(
    subnet: str, flags: dict[str, str], is_taken: bool, version: str
) -> None:
    """By the length of the part that each node gets."""
    stack = with_workers(version=version)
    stack["cluster"]["networking"] = {"podSubnet": subnet, "serviceSubnet": "172.20.0.0/16"}
    stack["cluster"]["clusterConfiguration"] = {"controllerManager": {"extraArgs": arguments(version, **flags)}}
    assert bool(problems(stack)) != is_taken, problems(stack)
    assert is_taken or only_problem(stack).startswith("cluster.networking.podSubnet: expected a length of ")


@pytest.mark.parametrize("subnet", ["172.20.0.0/29", "160.0.0.0/11"])
def test_a_service_subnet_that_kubeadm_refuses_is_refused_first(subnet: str) -> None:
    """Too few addresses, and more than the API server can count."""
    stack = with_setting("cluster", networking={"serviceSubnet": subnet})
    assert only_problem(stack) == f"cluster.networking.serviceSubnet: expected a length of 12 to 28, found {subnet}"


@pytest.mark.parametrize(
    ("ports", "dashboard", "problem"),
    [
        ("20000-22767", {}, "dashboard.nodePort: expected 20000 to 22767"),
        ("20000+10", {}, "dashboard.nodePort: expected 20000 to 20010"),
        ("20000-22767", {"nodePort": 20009}, None),
        ("30009", {}, None),
        ("20000-22767", {"kind": "none"}, None),
        ("many", {}, "cluster.clusterConfiguration.apiServer.extraArgs: service-node-port-range is two ports"),
        ("32767-30000", {}, "cluster.clusterConfiguration.apiServer.extraArgs: service-node-port-range is two ports"),
        (None, {"nodePort": 20009}, "dashboard.nodePort: expected 30000 to 32767"),
    ],
)
@pytest.mark.parametrize("version", ["1.24.3", "1.36.3"])
def test_the_port_of_the_dashboard_lies_in_the_range_of_the_api_server(
    ports: str | None, dashboard: Stack, problem: str | None, version: str
) -> None:
    """The API server would refuse the service after everything else is there."""
    stack = with_workers(version=version) | {"dashboard": dashboard}
    if ports:
        server = {"extraArgs": arguments(version, service_node_port_range=ports)}
        stack["cluster"]["clusterConfiguration"] = {"apiServer": server}
    assert problems(stack) == [] if problem is None else only_problem(stack).startswith(problem)


@pytest.mark.parametrize(
    ("names", "is_taken"),
    [
        (["api.example.com", "*.example.com", "192.0.2.1", "2001:db8::1"], True),
        ("api.example.com", False),
        (["https://api.example.com"], False),
        (["api.example.com:6443"], False),
        (["API.example.com"], False),
        ([7], False),
    ],
)
def test_a_name_that_kubeadm_takes_into_no_certificate_is_refused_first(names: object, is_taken: bool) -> None:
    """kubeadm reads its configuration when packages are installed already."""
    stack = with_setting("cluster", clusterConfiguration={"apiServer": {"certSANs": names}})
    assert bool(problems(stack)) != is_taken
    assert is_taken or only_problem(stack).startswith("cluster.clusterConfiguration.apiServer.certSANs: ")
