"""Passwords of the image registries, from the stack's secrets."""

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
