"""Results that are secrets: sealed on the machine that returns them, for a key that only the state has.

The command provider repeats what a command printed when the command fails, and a session can end behind the last
line of a step. docs/decisions.md, "A secret is sealed before it is returned".
"""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs7,
)

_FIRST_LINE, _LAST_LINE = "-----BEGIN CMS-----", "-----END CMS-----"
_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pulumi-kubeadm")])
_VALID_FROM, _VALID_TO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


class SealedForAnotherKeyError(Exception):
    """A result that the key of the state does not open, as after an update with another state of the same cluster."""


class CutOffError(SealedForAnotherKeyError):
    """A result that the key of the state does not open, because its end did not arrive."""


@dataclass(frozen=True)
class SealingKey:
    """A key pair of a cluster.

    Attributes:
        certificate: certificate for which machines encrypt, in PEM; signed by itself, and never trusted for anything.
        private_key: its key, in PEM.
    """

    certificate: str
    private_key: str = field(repr=False)

    @classmethod
    def minted(cls) -> Self:
        """A new key pair: RSA, because `cryptography` opens no CMS for another kind of key."""
        key = rsa.generate_private_key(65537, 2048)
        builder = x509.CertificateBuilder(_NAME, _NAME, key.public_key(), x509.random_serial_number())
        certificate = builder.not_valid_before(_VALID_FROM).not_valid_after(_VALID_TO).sign(key, hashes.SHA256())
        private_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(certificate.public_bytes(Encoding.PEM).decode(), private_key.decode())

    def opened(self, result: str) -> str:
        """The result of a step, in clear. A result that is not sealed, of an older version, is returned as it is.

        Raises:
            SealedForAnotherKeyError: the result is sealed for another key.
            CutOffError: the result has no end.
        """
        head, _, sealed = result.partition(_FIRST_LINE)
        if result and _FIRST_LINE.startswith(result):
            raise CutOffError
        if head.strip() or not sealed:
            return result
        content, is_whole, _ = sealed.partition(_LAST_LINE)
        try:
            return pkcs7.pkcs7_decrypt_der(base64.b64decode(content), *self._pair, []).decode()
        except ValueError as error:
            raise SealedForAnotherKeyError if is_whole else CutOffError from error

    @cached_property
    def _pair(self) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        # A second validation of the key would cost 0.1 s for the result of each worker.
        key = load_pem_private_key(self.private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey), "minted as one"
        return x509.load_pem_x509_certificate(self.certificate.encode()), key
