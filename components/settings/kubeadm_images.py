"""The images of kubeadm, without running kubeadm."""

from __future__ import annotations

from components.settings import Settings
from components.settings.versions import etcd_and_coredns_tags, pause_tag

REGISTRY = "registry.k8s.io"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def kube_proxy_image(settings: Settings) -> str:
    """The kube-proxy image in its public registry."""
    return f"{REGISTRY}/kube-proxy:v{settings.cluster.kubernetes_version}"


def kubeadm_images(settings: Settings) -> list[tuple[str, str]]:
    """Image in its public registry, and the name that kubeadm or containerd pulls, for a control plane and workers."""
    version = settings.cluster.kubernetes_version
    etcd, coredns = etcd_and_coredns_tags(version)
    pause = f"{REGISTRY}/pause:{pause_tag(version)}"
    images = [
        *(f"{REGISTRY}/{name}:v{version}" for name in CONTROL_PLANE),
        kube_proxy_image(settings),
        f"{REGISTRY}/etcd:{etcd}",
    ]
    own = settings.images.rewritten(f"{REGISTRY}/x") != f"{REGISTRY}/x"
    return [
        *((image, settings.images.rewritten(image)) for image in images),
        # kubeadm drops one `coredns` from the path in a private imageRepository: app/images/images.go.
        (
            f"{REGISTRY}/coredns/coredns:{coredns}",
            settings.images.rewritten(f"{REGISTRY}/{'' if own else 'coredns/'}coredns:{coredns}"),
        ),
        # kubeadm pulls its own pause image, even if containerd starts pods with another.
        (pause, settings.images.rewritten(pause)),
        (settings.containerd.pause_image or pause, settings.pause_image),
    ]
