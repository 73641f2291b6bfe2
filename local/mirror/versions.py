"""Versions in the mirror: those that kubeadm of each Kubernetes version names, and a single version of the rest."""

from __future__ import annotations

from dataclasses import dataclass

from problem import StepError

KUBERNETES = "1.36.3"
"""The default version of local machines."""


@dataclass(frozen=True)
class Calico:
    """A release of Calico.

    Attributes:
        module: version of the Go module whose files are those of the release's tag.
        sha256: SHA-256 of its manifests/calico-vxlan.yaml.
        prefix: prefix of the mirror's repositories, for the registry that the manifest names.
        has_wrapper: the image of kube-controllers starts them by a wrapper.
    """

    version: str
    module: str
    sha256: str
    prefix: str
    has_wrapper: bool


CALICO_3_28 = Calico(
    "3.28.5",
    "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
    "034b15449b896732fd65e30ec109fb469fa97b78d0d8b6986dac478f7a960629",
    prefix="dockerhub",
    has_wrapper=False,
)
CALICO_3_31 = Calico(
    "3.31.0",
    "v0.0.0-20251021213802-b1f3c43f8437",
    "0f7dc29b56dafe1d9566991d008a7944f5a319ab3e5fa9caccfb0d7d778fcdd7",
    prefix="quay",
    has_wrapper=True,
)
"""The newest release that the registry of Go modules has: 3.31.7, 3.32.0 and 3.32.1 are refused."""


@dataclass(frozen=True)
class Release:
    """The versions that belong to a Kubernetes version, and the options of its build.

    kubeadm names the versions of etcd, CoreDNS and pause: cmd/kubeadm/app/constants/constants.go,
    DefaultEtcdVersion, CoreDNSVersion, PauseVersion.

    Attributes:
        calico: the newest Calico of the mirror that works with the version.
        go: the contemporary Go, if a newer Go changes behaviour.
        knows_cri_v1alpha2: kubelet also runs on a containerd without a newer CRI.
        has_metrics_server: METRICS_SERVER supports the version. The registry of Go modules has no older one than 0.8.0,
            which needs Kubernetes 1.31.
    """

    etcd: str
    coredns: str
    pause: str
    calico: Calico = CALICO_3_31
    go: str | None = None
    knows_cri_v1alpha2: bool = False
    has_metrics_server: bool = True


RELEASES = {
    # Since Go 1.26 URLs are parsed more strictly, and kubeadm 1.24's preflight check HTTPProxyCIDR fails.
    "1.24.3": Release(
        etcd="3.5.3",
        coredns="1.8.6",
        pause="3.7",
        calico=CALICO_3_28,
        go="1.21.13",
        knows_cri_v1alpha2=True,
        has_metrics_server=False,
    ),
    "1.35.4": Release(etcd="3.6.6", coredns="1.13.1", pause="3.10.1"),
    "1.36.1": Release(etcd="3.6.8", coredns="1.14.2", pause="3.10.2"),
    "1.36.3": Release(etcd="3.6.8", coredns="1.14.2", pause="3.10.2"),
    "1.37.2": Release(etcd="3.7.0", coredns="1.14.6", pause="3.10.2"),
}

CONTAINERD = "2.2.0"
CNI_PLUGINS = "1.9.0"
CRI_TOOLS = "1.30.0"
METRICS_SERVER = "0.9.0"
LOCAL_PATH = "0.0.30"
"""The newest one that the registry of Go modules has; stacks get a newer one by default."""
METALLB = "0.15.2"
"""The newest one that can be built: 0.16.2 needs a module (frr-k8s 0.0.27) that the registry of Go modules refuses."""
STAND_IN = "1"
PROBE = "1"


def release(kubernetes: str) -> Release:
    """The versions that belong to a Kubernetes version.

    Raises:
        StepError: the mirror cannot build that version.
    """
    if kubernetes not in RELEASES:
        raise StepError(
            f"build Kubernetes {kubernetes}",
            expected=f"one of {', '.join(RELEASES)}",
            seen=kubernetes,
            next_command="choose one of these, or add the version and its modules in local/mirror/versions.py",
        )
    return RELEASES[kubernetes]
