"""Versions in the mirror: those that kubeadm of each Kubernetes version names, and a single version of the rest."""

from __future__ import annotations

from dataclasses import dataclass

from problem import Problem, StepError

KUBERNETES = "1.36.3"
"""The default version of local machines."""


@dataclass(frozen=True)
class Release:
    """The versions that belong to a Kubernetes version, and the options of its build.

    kubeadm names the versions of etcd, CoreDNS and pause: cmd/kubeadm/app/constants/constants.go,
    DefaultEtcdVersion, CoreDNSVersion, PauseVersion.

    Attributes:
        go: the contemporary Go, if a newer Go changes behaviour.
        knows_cri_v1alpha2: kubelet also runs on a containerd without a newer CRI.
        has_etcdctl: etcdctl of that etcd is available as a Go module; otherwise the etcd image lacks etcdctl.
    """

    etcd: str
    coredns: str
    pause: str
    go: str | None = None
    knows_cri_v1alpha2: bool = False
    has_etcdctl: bool = True


RELEASES = {
    # Since Go 1.26 URLs are parsed more strictly, and kubeadm 1.24's preflight check HTTPProxyCIDR fails.
    "1.24.3": Release(
        etcd="3.5.3", coredns="1.8.6", pause="3.7", go="1.21.13", knows_cri_v1alpha2=True, has_etcdctl=False
    ),
    "1.35.4": Release(etcd="3.6.6", coredns="1.13.1", pause="3.10.1"),
    "1.36.1": Release(etcd="3.6.8", coredns="1.14.2", pause="3.10.2"),
    "1.36.3": Release(etcd="3.6.8", coredns="1.14.2", pause="3.10.2"),
    "1.37.2": Release(etcd="3.7.0", coredns="1.14.6", pause="3.10.2"),
}

CONTAINERD = "2.2.0"
CNI_PLUGINS = "1.9.0"
CRI_TOOLS = "1.30.0"
CALICO = "3.28.5"
CALICO_MODULE = "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520"
"""Calico's repository at release 3.28.5, whose manifests name images of that version."""
STAND_IN = "1"
PROBE = "1"


def release(kubernetes: str) -> Release:
    """The versions that belong to a Kubernetes version.

    Raises:
        StepError: the mirror cannot build that version.
    """
    if kubernetes not in RELEASES:
        raise StepError(
            Problem(
                f"build Kubernetes {kubernetes}",
                expected=f"one of {', '.join(RELEASES)}",
                seen=kubernetes,
                next_command="choose one of these, or add the version and its modules in local/mirror/versions.py",
            )
        )
    return RELEASES[kubernetes]
