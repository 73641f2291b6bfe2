"""The lifetime of a cluster, and its identity: minted once, read back ever after."""

from __future__ import annotations

import secrets

import pulumi

from components.settings import Settings
from components.steps.last_update import IDENTITY, LastUpdate

NOT_MINTED = "minted-by-the-first-update"
"""Stands for the identity in previews before the first update."""


class Lifetime(pulumi.ComponentResource):
    """Is deleted when all of the cluster is, and only then.

    What names it in `deleted_with` is then forgotten without a visit: `pulumi destroy` drains no node and resets no
    machine, and a machine that is down does not block it. A host that leaves alone is drained and reset.

    Attributes:
        identity: in the state before the first machine is touched, whatever becomes of the update.
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
