"""The lifetime of a cluster, and its records in the state beside the steps: identity, sealing key, shared files."""

from __future__ import annotations

import dataclasses
import secrets

import pulumi

from components.addons.calico import calico_images
from components.settings import Settings
from components.steps.last_update import IDENTITY, SEALING_KEY, SHARED_FILES, LastUpdate
from components.steps.sealing import SealingKey
from components.steps.wanted import Wanted, shared_contents, wanted_steps

NOT_MINTED = "minted-by-the-first-update"
"""Placeholder of the identity, and of the sealing key's certificate, in previews before the first update."""


class Lifetime(pulumi.ComponentResource):
    """A resource that is deleted with the whole cluster, and only then.

    Resources that name it in `deleted_with` are then forgotten without a connection: `pulumi destroy` drains no node,
    resets no machine, and a machine that is down does not block it. A single host that leaves is drained and reset.

    Below it the state keeps, before the first machine is touched, the identity of the cluster, its sealing key, and the
    content of the files that hosts share.
    """

    def __init__(self, wanted: Wanted, opts: pulumi.ResourceOptions) -> None:
        super().__init__("kubeadm:index:Lifetime", wanted.resource_name("lifetime"), None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pulumi.Stash(wanted.resource_name(IDENTITY), input=wanted.identity, opts=child)
        sealing_key = pulumi.Output.secret(dataclasses.asdict(wanted.sealing_key))
        pulumi.Stash(wanted.resource_name(SEALING_KEY), input=sealing_key, opts=child)
        pulumi.Stash(wanted.resource_name(SHARED_FILES), input=shared_contents(wanted.steps.values()), opts=child)
        self.register_outputs({})


def wanted_of(cluster: str, settings: Settings, last: LastUpdate) -> Wanted:
    """The wanted steps of a cluster, with the identity and the sealing key of the state, or with new ones."""
    identity, key = identity_of(settings, last), sealing_key_of(last)
    steps = wanted_steps(settings, last, calico_images(settings), identity, key.certificate)
    return Wanted(cluster, settings, last, identity, key, steps)


def identity_of(settings: Settings, last: LastUpdate) -> str:
    """The name by which machines and the provider know a cluster, whatever its stack is called: 16 hexadecimal digits.

    A stack that takes over a cluster whose state is lost names its identity in `cluster.id`.
    """
    if last.identity not in {None, NOT_MINTED}:
        return str(last.identity)
    if settings.cluster.id:
        return settings.cluster.id
    return NOT_MINTED if pulumi.runtime.is_dry_run() else secrets.token_hex(8)


def sealing_key_of(last: LastUpdate) -> SealingKey:
    """The key for which control planes seal secrets. The key of the first update that has one stays."""
    if last.sealing_key and last.sealing_key.private_key:
        return last.sealing_key
    return SealingKey(NOT_MINTED, "") if pulumi.runtime.is_dry_run() else SealingKey.minted()
