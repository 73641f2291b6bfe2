"""Differences between Kubernetes versions, each with its source.

A table has a value by the first minor version with the value, which holds until the next entry. "constants.go" is
cmd/kubeadm/app/constants/constants.go of the Kubernetes release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

OLDEST_MINOR = 24
NEWEST_MINOR = 37

PAUSE_TAGS = {24: "3.7", 25: "3.8", 26: "3.9", 31: "3.10", 34: "3.10.1", 36: "3.10.2"}
"""constants.go, PauseVersion."""

ETCD_AND_COREDNS = {
    "1.24.3": ("3.5.3-0", "v1.8.6"),
    "1.25.16": ("3.5.9-0", "v1.9.3"),
    "1.26.15": ("3.5.10-0", "v1.9.3"),
    "1.27.16": ("3.5.12-0", "v1.10.1"),
    "1.28.15": ("3.5.15-0", "v1.10.1"),
    "1.29.15": ("3.5.16-0", "v1.11.1"),
    "1.30.14": ("3.5.15-0", "v1.11.3"),
    "1.31.13": ("3.5.15-0", "v1.11.3"),
    "1.32.9": ("3.5.16-0", "v1.11.3"),
    "1.33.5": ("3.5.21-0", "v1.12.0"),
    "1.34.4": ("3.6.5-0", "v1.12.1"),
    "1.35.4": ("3.6.6-0", "v1.13.1"),
    "1.36.1": ("3.6.8-0", "v1.14.2"),
    "1.36.3": ("3.6.8-0", "v1.14.2"),
    "1.37.2": ("3.7.0-0", "v1.14.6"),
}
"""Tags by Kubernetes version: its cmd/kubeadm/app/constants/constants.go, DefaultEtcdVersion and CoreDNSVersion.

Patches of a minor version may differ; a patch that is missing here is assumed to have the tags of the newest patch.
"""

FIRST_MINOR_WITH_V1BETA4 = 31
"""v1beta4 exists from 1.31 on, v1beta3 is gone from 1.37 on: kubernetes pull requests 125029 and 136016."""

CONTAINERD_MINIMA = {24: (1, 4), 26: (1, 6)}
"""kubelet 1.26 needs CRI v1 (https://kubernetes.io/docs/concepts/architecture/cri/), which containerd has from 1.6 on;
before, CRI v1alpha2 was enough. 1.37 still accepts 1.x, with a warning of kubeadm: pull requests 139121 and 139122."""

FIRST_MINOR_WITH_ETCD_LEARNERS = 29
"""kubeadm joins etcd as a learner by default from 1.29 on: https://github.com/kubernetes/kubeadm/issues/1793. A joining
machine that dies before does not stop a cluster of one member."""

FIRST_MINOR_WITH_SECCOMP_DEFAULT = 25
"""Before, kubelet's `seccompDefault` needs a feature gate: https://github.com/kubernetes/enhancements/issues/2413."""

FIRST_MINOR_THAT_KNOWS_FAIL_CGROUP_V1 = 31
FIRST_MINOR_THAT_REFUSES_CGROUP_V1 = 35
"""kubelet's `failCgroupV1` is true by default from 1.35 on: https://kubernetes.io/docs/concepts/architecture/cgroups/."""

_LOG_FLAGS = (
    *("add-dir-header", "alsologtostderr", "log-backtrace-at", "log-dir", "log-file", "log-file-max-size"),
    *("logtostderr", "one-output", "skip-headers", "skip-log-headers", "stderrthreshold"),
)
_REMOVED_LOG_FLAGS = dict.fromkeys(_LOG_FLAGS, (26, "its log is on standard error: kubectl logs"))
REMOVED_FLAGS = {
    "apiServer": {
        **_REMOVED_LOG_FLAGS,
        "master-service-namespace": (27, "it had no effect"),
        **dict.fromkeys(("cloud-provider", "cloud-config"), (33, "a cloud controller manager has it")),
    },
    "controllerManager": {
        **_REMOVED_LOG_FLAGS,
        "enable-taint-manager": (27, "it is always enabled"),
        "pod-eviction-timeout": (27, "apiServer has default-unreachable-toleration-seconds"),
        "volume-host-cidr-denylist": (31, "no volume plugin reads it"),
        "volume-host-allow-local-loopback": (31, "no volume plugin reads it"),
    },
    "scheduler": _REMOVED_LOG_FLAGS,
}
"""Flags of 1.24 that were removed: the first minor version without the flag, and the replacement, by the name of the
program in kubeadm's ClusterConfiguration: kubernetes pull requests 112120, 114446, 115840, 124017, 130162. The stack
file sets no flags of kubelet."""

KUBE_PROXY_MODES = {
    24: ("iptables", "ipvs", "userspace"),
    26: ("iptables", "ipvs"),
    31: ("iptables", "ipvs", "nftables"),
}
"""`userspace` is gone from 1.26 on (pull request 112133), and `nftables` needs no feature gate from 1.31 on:
https://github.com/kubernetes/enhancements/issues/3866."""

OLDEST_KERNELS = {"nftables": "5.13"}
"""By mode of kube-proxy: https://kubernetes.io/docs/reference/networking/virtual-ips/#proxy-mode-nftables."""

FIRST_CALICO_WITH_NFTABLES = (3, 31)
"""The nftables data plane is a preview before: release notes of Calico 3.31."""

CALICO_MINORS = {"3.31": (32, 35), "3.32": (34, 36), "3.33": (35, 37)}
"""Oldest and newest minor of Kubernetes that a Calico line is tested with, by its page "System requirements for
Kubernetes". The page of older lines is gone: an older line may work with versions that it was not tested with."""


def minor_of(version: str) -> int:
    """The second number of a version such as "1.36.3"."""
    return int(version.split(".")[1])


def kubeadm_api_version(version: str) -> str:
    """The kubeadm configuration API that a Kubernetes version reads without a warning."""
    return "kubeadm.k8s.io/v1beta4" if minor_of(version) >= FIRST_MINOR_WITH_V1BETA4 else "kubeadm.k8s.io/v1beta3"


def pause_tag(version: str) -> str:
    """Tag of the pause image that kubeadm of this version names."""
    return _since(PAUSE_TAGS, version)


def etcd_and_coredns_tags(version: str) -> tuple[str, str]:
    """Tags of the images of etcd and CoreDNS that kubeadm of this version names."""
    of_its_minor = [tags for known, tags in ETCD_AND_COREDNS.items() if minor_of(known) == minor_of(version)]
    return ETCD_AND_COREDNS.get(version) or of_its_minor[-1]


def etcd_and_coredns_tags_are_known(version: str) -> bool:
    """True where the tags are listed for this patch version, and not assumed from another patch."""
    return version in ETCD_AND_COREDNS


def etcd_can_follow(old: str, new: str) -> bool:
    """True where the etcd of several control planes can go from one Kubernetes version to another.

    etcd 3.5 before 3.5.24 may leave members without a vote that 3.6 then refuses: etcd issues 19557 and 20793.
    """
    before, after = (_etcd_numbers(etcd_and_coredns_tags(version)[0]) for version in (old, new))
    return not (before < (3, 5, 24) and after >= (3, 6, 0))


def _etcd_numbers(tag: str) -> tuple[int, ...]:
    return tuple(int(number) for number in tag.partition("-")[0].split("."))


def oldest_containerd(version: str) -> tuple[int, int]:
    """Major and minor of the oldest containerd whose CRI kubelet of this version speaks."""
    return _since(CONTAINERD_MINIMA, version)


def has_seccomp_default(version: str) -> bool:
    """True where kubelet takes `seccompDefault` without a feature gate."""
    return minor_of(version) >= FIRST_MINOR_WITH_SECCOMP_DEFAULT


def knows_fail_cgroup_v1(version: str) -> bool:
    """True where kubelet's configuration has `failCgroupV1`; older versions reject the unknown field."""
    return minor_of(version) >= FIRST_MINOR_THAT_KNOWS_FAIL_CGROUP_V1


def refuses_cgroup_v1(version: str) -> bool:
    """True where kubelet stops on a host with cgroup v1, unless `failCgroupV1` is false."""
    return minor_of(version) >= FIRST_MINOR_THAT_REFUSES_CGROUP_V1


def removed_flag(part: str, flag: str, version: str) -> tuple[int, str] | None:
    """The first minor version without a flag of a control plane program, and the replacement; None for a known flag."""
    found = REMOVED_FLAGS.get(part, {}).get(flag)
    return found if found and found[0] <= minor_of(version) else None


def calico_is_tested_with(calico: str, kubernetes: str) -> bool | None:
    """True where Calico's makers test this pair of versions; None where they no longer publish the tested versions."""
    tested = CALICO_MINORS.get(calico.rpartition(".")[0])
    return tested[0] <= minor_of(kubernetes) <= tested[1] if tested else None


def kube_proxy_modes(version: str) -> tuple[str, ...]:
    """The modes of kube-proxy on Linux."""
    return _since(KUBE_PROXY_MODES, version)


def calico_has_nftables(calico: str) -> bool:
    """True where Calico works beside a kube-proxy of mode nftables."""
    return tuple(int(number) for number in calico.split(".")[:2]) >= FIRST_CALICO_WITH_NFTABLES


def _since(table: Mapping[int, T], version: str) -> T:
    return table[max(first for first in table if first <= minor_of(version))]


def flags_of(content: Any) -> list[str]:
    """Names of the `extraArgs` of a part of the ClusterConfiguration, in the form of either API version."""
    arguments = content.get("extraArgs") or () if isinstance(content, Mapping) else ()
    return [each["name"] if isinstance(each, Mapping) else each for each in arguments]


def argument_of(content: Any, name: str) -> str | None:
    """The value of one of the `extraArgs` of a part of the ClusterConfiguration; None without it, or without a text."""
    arguments = content.get("extraArgs") or () if isinstance(content, Mapping) else ()
    if isinstance(arguments, Mapping):
        found = arguments.get(name)
    else:
        found = next(
            (each.get("value") for each in arguments if isinstance(each, Mapping) and each.get("name") == name), None
        )
    return found if isinstance(found, str) else None
