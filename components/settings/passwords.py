"""Passwords of image registries and package repositories, and keys of Secrets in etcd, from the stack's secrets."""

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


def repository_passwords(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Password by server, for every package repository with a user: secrets."""
    config = pulumi.Config()
    return {server: config.require_secret(each.password_key) for server, each in settings.repository_logins.items()}


def encryption_keys(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Key by name, in base64, for every key of `cluster.encryption`: secrets."""
    config, encryption = pulumi.Config(), settings.cluster.encryption
    return {key.name: config.require_secret(key.secret) for key in encryption.keys} if encryption else {}
