"""Keys of Secrets in a bundle, without which the Secrets of its snapshot cannot be decrypted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from components.settings import Settings
from components.settings.kubeadm_documents import argument_of

FILE = "pki/encryption.yaml"
"""The API server's EncryptionConfiguration in a bundle."""
ARGUMENT = "encryption-provider-config"


def names_of_keys(configuration: bytes) -> list[str]:
    """Names of all keys in an EncryptionConfiguration, each once.

    Raises:
        ValueError: the text is no EncryptionConfiguration.
    """
    try:
        content = yaml.safe_load(configuration)
        providers = [each for rule in content["resources"] for each in rule["providers"]]
        return list(dict.fromkeys(name for each in providers for name in _names(each)))
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no EncryptionConfiguration in {FILE}") from error


def _names(provider: dict[str, Any]) -> Iterator[str]:
    for content in provider.values():
        for key in (content or {}).get("keys", ()):
            yield key["name"]


def own_configuration(settings: Settings) -> str | None:
    """Path of an EncryptionConfiguration that an argument of the stack names; None without `extraArgs` for it."""
    return argument_of(settings.cluster.cluster_configuration.get("apiServer"), ARGUMENT)
