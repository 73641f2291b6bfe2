"""Passwords of the image registries, from the stack's secrets."""

from __future__ import annotations

import pulumi

from components.settings import Settings


def registry_passwords(settings: Settings) -> pulumi.Output[dict[str, str]]:
    """Password by registry, for those that have a user. A secret, even when it is empty."""
    config = pulumi.Config()
    found = {
        name: config.require_secret(access.password_key)
        for name, access in settings.containerd.registries.items()
        if access.username
    }
    return pulumi.Output.secret(pulumi.Output.all(**found))
