"""The lifetime of a cluster, and its identity: minted once, then read from the state."""

from __future__ import annotations

import secrets

import pulumi

from components.settings import Settings
from components.steps.last_update import IDENTITY, LastUpdate

NOT_MINTED = "minted-by-the-first-update"
"""Placeholder of the identity in previews before the first update."""


class Lifetime(pulumi.ComponentResource):
    """A resource that is deleted with the whole cluster, and only then.

    Resources that name it in `deleted_with` are then forgotten without a connection: `pulumi destroy` drains no node,
    resets no machine, and a machine that is down does not block it. A single host that leaves is drained and reset.

    Attributes:
        identity: the identity of the cluster, in the state before the first machine is touched.
    """

    identity: pulumi.Resource

    def __init__(self, cluster: str, identity: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("kubeadm:index:Lifetime", f"{cluster}/lifetime", None, opts)
        self.identity = pulumi.Stash(f"{cluster}/{IDENTITY}", input=identity, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def identity_of(settings: Settings, last: LastUpdate) -> str:
    """The name by which machines and the provider know a cluster, whatever its stack is called: 16 hexadecimal digits.

    A stack that takes over a cluster whose state is lost names its identity in `cluster.id`.
    """
    if last.identity not in {None, NOT_MINTED}:
        return str(last.identity)
    if settings.cluster.id:
        return settings.cluster.id
    return NOT_MINTED if pulumi.runtime.is_dry_run() else secrets.token_hex(8)
