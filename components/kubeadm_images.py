"""The images that kubeadm names, without asking a kubeadm."""

from __future__ import annotations

from components.settings import Settings
from components.versions import minor_of, pause_tag

REGISTRY = "registry.k8s.io"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
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
    "1.36.3": ("3.6.8-0", "v1.14.2"),
    "1.37.2": ("3.7.0-0", "v1.14.6"),
}
"""Tags by Kubernetes version: its cmd/kubeadm/app/constants/constants.go, DefaultEtcdVersion and CoreDNSVersion.

Patches of one minor version may differ; of one that is not here, the tags of its minor version are assumed.
"""


def tags_are_known(version: str) -> bool:
    """Whether the tags of etcd and CoreDNS are those of this very version."""
    return version in ETCD_AND_COREDNS


def kubeadm_images(settings: Settings) -> list[tuple[str, str]]:
    """Image in its public registry, and the name that kubeadm or containerd pulls, for a control plane and workers."""
    version = settings.cluster.kubernetes_version
    etcd, coredns = next(tags for known, tags in ETCD_AND_COREDNS.items() if minor_of(known) == minor_of(version))
    pause = f"{REGISTRY}/pause:{pause_tag(version)}"
    names = [*(f"{name}:v{version}" for name in COMPONENTS), f"etcd:{etcd}"]
    own = settings.images.rewritten(f"{REGISTRY}/x") != f"{REGISTRY}/x"
    return [
        *((f"{REGISTRY}/{name}", settings.images.rewritten(f"{REGISTRY}/{name}")) for name in names),
        # Of an imageRepository of its own kubeadm drops one `coredns` of the path: app/images/images.go.
        (
            f"{REGISTRY}/coredns/coredns:{coredns}",
            settings.images.rewritten(f"{REGISTRY}/{'' if own else 'coredns/'}coredns:{coredns}"),
        ),
        (settings.containerd.pause_image or pause, settings.pause_image),
    ]
