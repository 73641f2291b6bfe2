"""Passwords of image registries and package repositories, and keys of Secrets in etcd, from the stack's secrets."""

from __future__ import annotations

import pulumi

from components.settings import Registry, Settings


def secrets_of(settings: Settings) -> dict[str, dict[str, str]]:
    """Names of the stack's secrets, by argument of `Cluster` and by what each is for."""
    registries, encryption = settings.containerd.registries, settings.cluster.encryption
    return {
        "registry_passwords": {name: each.password_key for name, each in registries.items() if each.username},
        "repository_passwords": {server: each.password_key for server, each in settings.repository_logins.items()},
        "encryption_keys": {key.name: key.secret for key in encryption.keys} if encryption else {},
    }


def registry_passwords(settings: Settings) -> dict[Registry, pulumi.Output[str]]:
    """Password by registry, for every registry with a user: secrets."""
    return _secrets(settings, "registry_passwords")


def repository_passwords(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Password by server, for every package repository with a user: secrets."""
    return _secrets(settings, "repository_passwords")


def encryption_keys(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Key by name, in base64, for every key of `cluster.encryption`: secrets."""
    return _secrets(settings, "encryption_keys")


def _secrets(settings: Settings, argument: str) -> dict[str, pulumi.Output[str]]:
    config = pulumi.Config()
    return {name: config.require_secret(key) for name, key in secrets_of(settings)[argument].items()}
