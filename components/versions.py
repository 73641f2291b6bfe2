"""What differs between Kubernetes versions, each fact with its source.

A table says for the first minor from which on a value holds; it holds until the next one. "constants.go" is
cmd/kubeadm/app/constants/constants.go of the Kubernetes release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

OLDEST_MINOR = 24
NEWEST_MINOR = 37

PAUSE_TAGS = {24: "3.7", 25: "3.8", 26: "3.9", 31: "3.10", 34: "3.10.1", 36: "3.10.2"}
"""constants.go, PauseVersion."""

COREDNS_TAGS = {
    24: "v1.8.6",
    25: "v1.9.3",
    27: "v1.10.1",
    29: "v1.11.1",
    31: "v1.11.3",
    33: "v1.12.0",
    34: "v1.12.1",
    35: "v1.13.1",
    36: "v1.14.2",
    37: "v1.14.6",
}
"""Up to 1.33 github.com/coredns/deployment, kubernetes/CoreDNS-k8s_version.md; then constants.go, CoreDNSVersion, of
1.34.4, 1.35.4, 1.36.3 and 1.37.2."""

ETCD_LINES = {24: "3.5", 34: "3.6", 37: "3.7"}
"""constants.go, DefaultEtcdVersion: 3.5.3 in 1.24.3, 3.5.16 in 1.32, 3.6.5 in 1.34.4, 3.7.0 in 1.37.2. Patch releases
change the tag: only `kubeadm config images list` of that release says it."""

FIRST_MINOR_WITH_V1BETA4 = 31
"""v1beta4 exists from 1.31 on, v1beta3 is gone from 1.37 on: kubernetes pull requests 125029 and 136016."""

CONTAINERD_MINIMA = {24: (1, 4), 26: (1, 6)}
"""kubelet 1.26 wants CRI v1 (https://kubernetes.io/docs/concepts/architecture/cri/), which containerd has from 1.6 on;
before, CRI v1alpha2 was enough. 1.37 still accepts 1.x, with a warning of kubeadm: pull requests 139121 and 139122."""

FIRST_MINOR_THAT_KNOWS_FAIL_CGROUP_V1 = 31
FIRST_MINOR_THAT_REFUSES_CGROUP_V1 = 35
"""kubelet's `failCgroupV1` is true by default from 1.35 on: https://kubernetes.io/docs/concepts/architecture/cgroups/."""

CONTROL_PLANE_TAINT_KEYS = {
    24: ("node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"),
    25: ("node-role.kubernetes.io/control-plane",),
}
"""Those that kubeadm itself sets: app/util/config/initconfiguration.go of 1.24.3; kubeadm issue 2200 for 1.25."""

CALICO_MINORS = {"3.31": (32, 35), "3.32": (34, 36), "3.33": (35, 37)}
"""Oldest and newest minor of Kubernetes that a Calico line is tested with, by its page "System requirements for
Kubernetes". Of older lines the page can no longer be read: they work with more than they were tested with, or not."""


def minor_of(version: str) -> int:
    """The second number of a version such as "1.36.3"."""
    return int(version.split(".")[1])


def kubeadm_api_version(version: str) -> str:
    """The kubeadm configuration API that this Kubernetes version reads without a warning."""
    return "kubeadm.k8s.io/v1beta4" if minor_of(version) >= FIRST_MINOR_WITH_V1BETA4 else "kubeadm.k8s.io/v1beta3"


def pause_tag(version: str) -> str:
    """Tag of the pause image that kubeadm of this version names."""
    return _since(PAUSE_TAGS, version)


def coredns_tag(version: str) -> str:
    """Tag of the CoreDNS image that kubeadm of this minor's first releases names."""
    return _since(COREDNS_TAGS, version)


def etcd_line(version: str) -> str:
    """First two numbers of the etcd that kubeadm of this version runs."""
    return _since(ETCD_LINES, version)


def oldest_containerd(version: str) -> tuple[int, int]:
    """Major and minor of the oldest containerd whose CRI kubelet of this version speaks."""
    return _since(CONTAINERD_MINIMA, version)


def knows_fail_cgroup_v1(version: str) -> bool:
    """Whether kubelet's configuration has `failCgroupV1`; older versions reject the unknown field."""
    return minor_of(version) >= FIRST_MINOR_THAT_KNOWS_FAIL_CGROUP_V1


def refuses_cgroup_v1(version: str) -> bool:
    """Whether kubelet stops on a host with cgroup v1 unless it is told not to."""
    return minor_of(version) >= FIRST_MINOR_THAT_REFUSES_CGROUP_V1


def control_plane_taint_keys(version: str) -> tuple[str, ...]:
    """Keys of the taints that kubeadm gives a control plane when it is told of none."""
    return _since(CONTROL_PLANE_TAINT_KEYS, version)


def calico_is_tested_with(calico: str, kubernetes: str) -> bool | None:
    """Whether Calico's makers test this pair; None where they no longer say."""
    tested = CALICO_MINORS.get(calico.rpartition(".")[0])
    return tested[0] <= minor_of(kubernetes) <= tested[1] if tested else None


def _since(table: Mapping[int, T], version: str) -> T:
    return table[max(first for first in table if first <= minor_of(version))]
