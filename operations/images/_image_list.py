"""Every image that a stack pulls: its name in a public registry, and the name that hosts pull."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from components.addons import addons_of
from components.settings import Images, Settings
from components.settings.kubeadm_images import kubeadm_images
from components.settings.packages import registry_and_path
from components.settings.versions import etcd_and_coredns_tags_are_known


@dataclass(frozen=True, order=True)
class StackImage:
    """An image of a stack.

    Attributes:
        public: registry, path and tag in the public registry.
        pulled: the name that hosts pull.
    """

    public: str
    pulled: str


def stack_images(settings: Settings) -> list[StackImage]:
    """Every image of kubeadm, containerd and the add-ons.

    Raises:
        pulumi.RunError: the manifest of an add-on cannot be fetched or is another one.
    """
    names = {image for addon in addons_of(settings) for image in addon.images(settings)}
    found = {StackImage(*pair) for pair in kubeadm_images(settings)}
    return sorted(found | {StackImage(full_name(name), settings.images.rewritten(name)) for name in names})


def warn_of_guessed_tags(settings: Settings) -> None:
    """Warn on standard error of a patch version of Kubernetes whose own tags are not known."""
    version = settings.cluster.kubernetes_version
    if not etcd_and_coredns_tags_are_known(version):
        print(
            f"etcd and CoreDNS: the tags of another patch of {version}; exact is, on the control plane:"
            " kubeadm config images list --config /etc/kubernetes/kubeadm/config.yaml",
            file=sys.stderr,
        )


def mirrored_to(settings: Settings, target: str) -> Settings:
    """The settings of the same stack, with every registry rewritten to a path of its own below a target.

    A rewrite that leads below the target already stays as it is.
    """
    sources = {image.public.partition("/")[0] for image in stack_images(settings)}
    rewrite = {source: f"{target}/{source}" for source in sources if source != target.partition("/")[0]}
    kept = {source: to for source, to in settings.images.rewrite.items() if f"{to}/".startswith(f"{target}/")}
    images = Images(rewrite=rewrite | kept, pull_secret_namespaces=settings.images.pull_secret_namespaces)
    return settings.model_copy(update={"images": images})


def full_name(image: str) -> str:
    """The name with its registry; a name without a registry is one of Docker Hub."""
    return "/".join(registry_and_path(image))
