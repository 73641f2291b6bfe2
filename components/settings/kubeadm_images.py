"""The images of kubeadm, without running kubeadm."""

from __future__ import annotations

from components.settings import Settings
from components.settings.kubeadm_documents import value_at
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
    ]
    return [
        *((image, settings.images.rewritten(image)) for image in images),
        _own_or_default(settings, "etcd.local", f"{REGISTRY}/etcd", etcd),
        _own_or_default(settings, "dns", f"{REGISTRY}/coredns/coredns", coredns),
        # kubeadm pulls its own pause image, even if containerd starts pods with another.
        (pause, settings.images.rewritten(pause)),
        (settings.containerd.pause_image or pause, settings.pause_image),
    ]


def image_repository(settings: Settings) -> str:
    """kubeadm's `imageRepository`."""
    return settings.images.rewritten(f"{REGISTRY}/x").removesuffix("/x")


def _own_or_default(settings: Settings, part: str, public: str, tag: str) -> tuple[str, str]:
    """Public name and pulled name of an image of which the ClusterConfiguration may set repository and tag.

    Without a repository kubeadm looks for CoreDNS below the public one's `coredns`, and in a private one without that
    part of its path: app/images/images.go.
    """
    own_tag, own_repository = (
        value_at(settings.cluster.cluster_configuration, f"{part}.{key}") for key in ("imageTag", "imageRepository")
    )
    tag, repository = str(own_tag or tag), str(own_repository or image_repository(settings))
    if repository == REGISTRY:
        return f"{public}:{tag}", f"{public}:{tag}"
    return f"{public}:{tag}", f"{repository}/{public.rpartition('/')[2]}:{tag}"
