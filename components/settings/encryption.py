"""Encryption of Secrets in etcd."""

from __future__ import annotations

import base64
import binascii
from typing import Self

from pydantic import Field, model_validator

from components.settings import _patterns
from components.settings._types import DnsLabel, Model

NOT_ENCRYPTED = "identity"
"""Name of the provider that writes in clear, in the API of Kubernetes."""
KEY_BYTES = 32
"""Length of a key of secretbox: staging/src/k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go."""


class EncryptionKey(Model):
    """A key by which Secrets are encrypted in etcd, with secretbox."""

    name: DnsLabel = Field(description="Name, which etcd has beside each Secret; the key of a name never changes")
    secret: str = Field(
        pattern=_patterns.SETTING,
        description="Name of the stack's secret that holds the key, 32 random bytes in base64:"
        " `openssl rand -base64 32 | pulumi config set --secret NAME`",
    )


class Encryption(Model):
    """Encryption of Secrets in etcd."""

    keys: tuple[EncryptionKey, ...] = Field(
        min_length=1, description="Keys: the first one encrypts, each one decrypts; a new key put first rotates"
    )
    enabled: bool = Field(
        True, description="`false` decrypts all Secrets; after that update `cluster.encryption` may be removed"
    )

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        for field in ("name", "secret"):
            values = [getattr(key, field) for key in self.keys]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"each key has a {field} of its own, found {', '.join(twice)} twice")
        if NOT_ENCRYPTED in [key.name for key in self.keys]:
            raise ValueError(f"{NOT_ENCRYPTED} is Kubernetes' own name, for what is not encrypted")
        return self

    @property
    def order(self) -> tuple[str, ...]:
        """Names in the order of the API server's configuration, which writes with the first; `identity` for none."""
        names = tuple(key.name for key in self.keys)
        return (*names, NOT_ENCRYPTED) if self.enabled else (NOT_ENCRYPTED, *names)


def problem_of_key(value: str) -> str | None:
    """The problem of a key of secretbox, without a part of the key; None for a key that can be used."""
    try:
        length = len(base64.b64decode(value.strip(), validate=True))
    except (binascii.Error, ValueError):
        return f"expected {KEY_BYTES} bytes in base64, found something else"
    return None if length == KEY_BYTES else f"expected {KEY_BYTES} bytes in base64, found {length}"
