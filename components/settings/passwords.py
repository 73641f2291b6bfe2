"""Passwords of image registries and package repositories, and keys of Secrets in etcd: the secrets of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pulumi

from components.settings import Registry, Settings


class StackSecret(NamedTuple):
    """A secret setting of a stack.

    Attributes:
        argument: argument of `Cluster` that has it.
        name: the registry, the server or the key that it is for.
        key: name of the setting.
        words: description of the setting, for messages.
    """

    argument: str
    name: str
    key: str
    words: str


def stack_secrets(settings: Settings) -> Iterator[StackSecret]:
    """Every secret that the sections of a stack file name."""
    for registry, access in settings.containerd.registries.items():
        if access.username:
            words = f"password of image registry {registry}"
            yield StackSecret("registry_passwords", registry, access.password_key, words)
    for server, repository in settings.repository_logins.items():
        words = f"password of the package repository at {server}"
        yield StackSecret("repository_passwords", server, repository.password_key, words)
    for key in settings.cluster.encryption.keys if settings.cluster.encryption else ():
        words = f"key {key.name} of cluster.encryption, 32 random bytes in base64"
        yield StackSecret("encryption_keys", key.name, key.secret, words)


def registry_passwords(settings: Settings) -> dict[Registry, str]:
    """Password by registry, for every registry with a user: in clear, as charts are fetched with them."""
    return {each.name: pulumi.Config().require(each.key) for each in _wanted(settings, "registry_passwords")}


def repository_passwords(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Password by server, for every package repository with a user: secrets."""
    return _required(settings, "repository_passwords")


def encryption_keys(settings: Settings) -> dict[str, pulumi.Output[str]]:
    """Key by name, in base64, for every key of `cluster.encryption`: secrets."""
    return _required(settings, "encryption_keys")


def _required(settings: Settings, argument: str) -> dict[str, pulumi.Output[str]]:
    return {each.name: pulumi.Config().require_secret(each.key) for each in _wanted(settings, argument)}


def _wanted(settings: Settings, argument: str) -> Iterator[StackSecret]:
    return (each for each in stack_secrets(settings) if each.argument == argument)


@dataclass(frozen=True)
class Secrets:
    """The secrets of a cluster, by the names of registries, servers and keys."""

    registry_passwords: pulumi.Output[dict[str, str]]
    repository_passwords: pulumi.Output[dict[str, str]]
    encryption_keys: pulumi.Output[dict[str, str]]

    @classmethod
    def of(cls, settings: Settings, **given: Mapping[str, pulumi.Input[str]] | None) -> Secrets:
        """The arguments of a cluster, marked as secrets.

        Raises:
            ValueError: a secret of the settings is missing. In an Output the error would come amid an update.
        """
        for argument, values in given.items():
            wanted = {each.name for each in stack_secrets(settings) if each.argument == argument}
            missing = sorted(wanted - (values or {}).keys())
            if missing:
                raise ValueError(f"{argument} of the cluster {settings.cluster.name} lacks {', '.join(missing)}")
        return cls(**{argument: _secret(values or {}) for argument, values in given.items()})


def _secret(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
    found: pulumi.Output[dict[str, str]] = pulumi.Output.secret(pulumi.Output.all(**values))
    return found
