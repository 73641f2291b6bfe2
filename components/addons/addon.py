"""An add-on: the objects of a manifest, and the facts that cluster, image list and status need about the add-on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.addons.manifests import Manifest, image_names, with_replaced, with_rewritten_images
from components.settings import Settings


@dataclass(frozen=True)
class Addon:
    """An add-on. The cluster, namespaces, image list and status read it.

    Attributes:
        name: name of the component.
        type: type of the component, without the prefix `kubeadm:index:`.
        is_wanted: true where the settings enable the add-on.
        manifests: the objects with the settings of the stack, images under the names of their public registries.
        namespace: created for the add-on and deleted with it; None if Kubernetes itself has the namespace.
        pod_security: Pod Security level that the pods of the add-on need in its namespace.
        further_images: images that the objects name outside of containers, as in an argument.
        is_network: the add-on is applied before nodes join; joins wait for all its objects but the workloads.
    """

    name: str
    type: str
    is_wanted: Callable[[Settings], bool]
    manifests: Callable[[Settings], list[Manifest]]
    namespace: str | None = None
    pod_security: Callable[[Settings], str] = lambda _: "baseline"
    further_images: Callable[[Settings], tuple[str, ...]] = lambda _: ()
    is_network: bool = False

    def objects(self, settings: Settings) -> list[Manifest]:
        """The objects of the add-on as the cluster gets them.

        Raises:
            pulumi.RunError: the manifest cannot be fetched or has another checksum.
        """
        rewritten = {image: settings.images.rewritten(image) for image in self.further_images(settings)}
        return [
            with_replaced(with_rewritten_images(manifest, settings), rewritten) for manifest in self.manifests(settings)
        ]

    def images(self, settings: Settings) -> list[str]:
        """Images of the add-on, under the names of their public registries, sorted.

        Raises:
            pulumi.RunError: as `objects`.
        """
        return sorted(image_names(self.manifests(settings)).union(self.further_images(settings)))
