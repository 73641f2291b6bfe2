"""Passwords of the image registries, and keys of Secrets in etcd, from the stack's secrets."""

from __future__ import annotations

import pulumi

from components.settings import Registry, Settings


def registry_passwords(settings: Settings) -> dict[Registry, pulumi.Output[str]]:
    """Password by registry, for every registry with a user: secrets."""
    config = pulumi.Config()
    return {
        name: config.require_secret(access.password_key)
        for name, access in settings.containerd.registries.items()
        if access.username
    }


def encryption_keys(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Key by name, in base64, for every key of `cluster.encryption`: secrets."""
    config, encryption = pulumi.Config(), settings.cluster.encryption
    return {key.name: config.require_secret(key.secret) for key in encryption.keys} if encryption else {}
