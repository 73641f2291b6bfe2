"""The cluster as that which hosts and nodes live in."""

from __future__ import annotations

import pulumi

from components.settings import Settings


class Lifetime(pulumi.ComponentResource):
    """Is deleted when all of the cluster is, and only then.

    What names it in `deleted_with` is then forgotten without a visit: `pulumi destroy` drains no node and resets no
    machine, and a machine that is down does not block it. A host that leaves alone is drained and reset.
    """

    def __init__(self, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("kubeadm:index:Lifetime", settings.cluster.name, None, opts)
        self.register_outputs({})
