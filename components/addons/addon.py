"""An add-on: everything that is applied to a cluster from one manifest, as one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.addons.manifests import Manifest, containers, with_rewritten_images
from components.settings import Settings


@dataclass(frozen=True)
class Addon:
    """An add-on, for whoever needs to know of it: the cluster, namespaces, image list, status.

    Attributes:
        name: of its component; `kubeadm:index:<type>` is the component's type.
        type: of its component.
        is_wanted: whether the stack has it.
        manifests: its objects with the settings of the stack, images under the names of their public registries.
        namespace: made for it and deleted with it; None for one that is there always.
        is_network: applied before nodes join; what is no workload of it is waited for by the joins.
    """

    name: str
    type: str
    is_wanted: Callable[[Settings], bool]
    manifests: Callable[[Settings], list[Manifest]]
    namespace: str | None = None
    is_network: bool = False

    def objects(self, settings: Settings) -> list[Manifest]:
        """Its objects as the cluster gets them.

        Raises:
            pulumi.RunError: the manifest cannot be fetched or is another one.
        """
        return [with_rewritten_images(manifest, settings) for manifest in self.manifests(settings)]

    def images(self, settings: Settings) -> list[str]:
        """Images of all its containers, under the names of their public registries, sorted.

        Raises:
            pulumi.RunError: as `objects`.
        """
        return sorted({each["image"] for manifest in self.manifests(settings) for each in containers(manifest)})
