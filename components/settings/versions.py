"""Differences between Kubernetes versions, each with its source; ends and versions that belong together: support.py."""

from __future__ import annotations

import re

from components.settings.manifest_sources import manifest_sources
from components.settings.support import CALICO, KUBERNETES, METRICS_SERVER, CalicoLine

OLDEST_MINOR, NEWEST_MINOR = min(KUBERNETES), max(KUBERNETES)

FIRST_MINOR_WITH_V1BETA4 = 31
"""v1beta4 exists from 1.31 on, v1beta3 is gone from 1.37 on: kubernetes pull requests 125029 and 136016."""

FIRST_MINOR_WITH_ETCD_LEARNERS = 29
"""kubeadm joins etcd as a learner by default from 1.29 on: https://github.com/kubernetes/kubeadm/issues/1793. A joining
machine that dies before does not stop a cluster of one member."""

FIRST_WITH_REGISTRY = (1, 24, 9)
"""Before, registry.k8s.io is a private registry for kubeadm: kubernetes pull request 113984."""

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


REMOVED_APIS = {
    **dict.fromkeys(("apps/v1beta1", "apps/v1beta2"), 16),
    **dict.fromkeys(("apiextensions.k8s.io/v1beta1", "extensions/v1beta1", "rbac.authorization.k8s.io/v1beta1"), 22),
    **dict.fromkeys(("autoscaling/v2beta1", "batch/v1beta1", "discovery.k8s.io/v1beta1"), 25),
    **dict.fromkeys(("events.k8s.io/v1beta1", "node.k8s.io/v1beta1", "policy/v1beta1"), 25),
    **dict.fromkeys(("autoscaling/v2beta2", "flowcontrol.apiserver.k8s.io/v1beta1"), 26),
    "flowcontrol.apiserver.k8s.io/v1beta2": 29,
    "flowcontrol.apiserver.k8s.io/v1beta3": 32,
}
"""API versions that no API server serves from this minor version on, whatever the kind:
https://kubernetes.io/docs/reference/using-api/deprecation-guide/."""

REMOVED_KINDS = {
    **dict.fromkeys(
        (
            ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"),
            ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"),
            ("apiregistration.k8s.io/v1beta1", "APIService"),
            ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"),
            ("coordination.k8s.io/v1beta1", "Lease"),
            ("networking.k8s.io/v1beta1", "Ingress"),
            ("networking.k8s.io/v1beta1", "IngressClass"),
            ("scheduling.k8s.io/v1beta1", "PriorityClass"),
            ("storage.k8s.io/v1beta1", "CSIDriver"),
            ("storage.k8s.io/v1beta1", "StorageClass"),
        ),
        22,
    ),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): 27,
}
"""Kinds that left an API version which came back, or may come back, for others: the same page."""


def is_removed(api_version: str, kind: str, version: str) -> bool:
    """True where a Kubernetes version does not serve objects of a kind in an API version any more."""
    removed = REMOVED_APIS.get(api_version) or REMOVED_KINDS.get((api_version, kind))
    return removed is not None and removed <= minor_of(version)


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers of a version such as "1.36.3", by which versions are in order."""
    return tuple(int(number) for number in version.split("."))


def minor_of(version: str) -> int:
    """The second number of a version such as "1.36.3"."""
    return numbers_of(version)[1]


def _patch_of(version: str) -> int:
    return numbers_of(version)[2]


def kubeadm_api_version(version: str) -> str:
    """The kubeadm configuration API that a Kubernetes version reads without a warning."""
    return "kubeadm.k8s.io/v1beta4" if minor_of(version) >= FIRST_MINOR_WITH_V1BETA4 else "kubeadm.k8s.io/v1beta3"


def pause_tag(version: str) -> str:
    """Tag of the pause image that kubeadm of this version names."""
    return KUBERNETES[minor_of(version)].pause


def etcd_and_coredns_tags(version: str) -> tuple[str, str]:
    """Tags of the images of etcd and CoreDNS that kubeadm of this version names.

    A patch that the table lacks has the tags of the patch before it there, or of the first one.
    """
    images = KUBERNETES[minor_of(version)].images
    return images[max((patch for patch in images if patch <= _patch_of(version)), default=min(images))]


def etcd_and_coredns_tags_are_known(version: str) -> bool:
    """True where the tags are listed for this patch version, and not assumed from another patch."""
    return _patch_of(version) in KUBERNETES[minor_of(version)].images


def etcd_can_follow(old: str, new: str) -> bool:
    """True where several members of etcd can go from the image with one tag, such as 3.5.24-0, to that with another.

    etcd 3.5 before 3.5.24 may leave members without a vote that 3.6 then refuses: etcd issues 19557 and 20793. Of a tag
    without a version nothing is known.
    """
    found = [re.match(r"v?(\d+)\.(\d+)\.(\d+)", tag) for tag in (old, new)]
    before, after = (tuple(map(int, each.groups())) if each else None for each in found)
    return before is None or after is None or before >= (3, 5, 24) or after < (3, 6, 0)


def oldest_containerd(version: str) -> tuple[int, int]:
    """Major and minor of the oldest containerd whose CRI kubelet of this version speaks."""
    return KUBERNETES[minor_of(version)].oldest_containerd


def recommended_containerd(version: str) -> tuple[str, ...]:
    """The oldest patch of each line of containerd that its makers recommend for a Kubernetes version.

    A minor version without a recommendation has that of the newest version before it.
    """
    return next(filter(None, (KUBERNETES[minor].recommended_containerd for minor in range(minor_of(version), 0, -1))))


def needs_containerd_2(version: str) -> bool:
    """True where the makers of containerd recommend no 1.x for a Kubernetes version; kubelet may speak to it."""
    return all(numbers_of(each)[0] >= 2 for each in recommended_containerd(version))


def knows_public_registry(version: str) -> bool:
    """True where kubeadm takes registry.k8s.io for the registry in which CoreDNS has a path of its own."""
    return numbers_of(version) >= FIRST_WITH_REGISTRY


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


def calico_line(version: str) -> CalicoLine | None:
    """The line of a version of Calico; None for a line that the support table lacks."""
    return CALICO.get(version.rpartition(".")[0])


def default_calico(kubernetes: str) -> str:
    """The newest listed Calico that is tested with a Kubernetes version; without such a one the newest."""
    listed = sorted(manifest_sources("calico"), key=numbers_of)
    lines = {version: CALICO[version.rpartition(".")[0]] for version in listed}
    tested = [version for version in listed if lines[version].is_tested_with(minor_of(kubernetes))]
    return (tested or listed)[-1]


def metrics_server_version(kubernetes: str) -> str:
    """The newest metrics-server that works with a version of Kubernetes."""
    return METRICS_SERVER[max(first for first in METRICS_SERVER if first <= minor_of(kubernetes))]


def kube_proxy_modes(version: str) -> tuple[str, ...]:
    """The modes of kube-proxy on Linux."""
    return KUBE_PROXY_MODES[max(first for first in KUBE_PROXY_MODES if first <= minor_of(version))]


def calico_without_nftables(calico: str, found: str) -> str | None:
    """The problem of a Calico that does not work beside a kube-proxy of mode nftables; None for one that does.

    Args:
        calico: its version.
        found: the version, and where it stands.
    """
    if numbers_of(calico)[:2] >= FIRST_CALICO_WITH_NFTABLES:
        return None
    first = ".".join(map(str, FIRST_CALICO_WITH_NFTABLES))
    return f"cluster.kubeProxyConfiguration.mode: nftables needs Calico {first} or newer, found {found}; change either"
