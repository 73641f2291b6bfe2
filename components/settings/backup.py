"""Snapshots of etcd, and the bundles that a restore needs."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.settings._types import Directory, Model, TextFile

STATE = "/var/lib/pulumi-kubeadm"
"""Directory of this project on a host: marks, and by default bundles."""

_NEW = "openssl req -x509 -newkey rsa:4096 -nodes -days 3650 -subj /CN=backup -keyout backup.key -out backup.crt"
_OF_A_KEY = "openssl req -x509 -key backup.key -days 3650 -subj /CN=backup -out backup.crt"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_FOR_ENCRYPTION = (bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06072a8648ce3d0201"))
"""Types of public keys that CMS encrypts for, as a certificate names them: rsaEncryption, id-ecPublicKey."""


def _certificate(value: Path) -> Path:
    text = value.read_text(encoding="utf-8")
    found = _PEM.findall(text)
    if len(found) > 1:
        raise ValueError(f"{len(found)} certificates are in the file, and bundles are encrypted for a single one")
    try:
        content = ssl.PEM_cert_to_DER_cert(found[0] if found else "")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content)
    except (ValueError, ssl.SSLError) as error:
        raise ValueError(
            "no X.509 certificate in PEM; a public key alone, and a key of age, SSH or GPG, is none; a new one:"
            f" {_NEW}; of a key that you have: {_OF_A_KEY}"
        ) from error
    if not any(each in content for each in _FOR_ENCRYPTION):
        raise ValueError(f"the certificate is of a key that encrypts nothing, such as ed25519; a new one: {_NEW}")
    return value


class Backup(Model):
    """Snapshots of etcd on each control plane, in bundles with the keys of the cluster."""

    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(
        6, description="Hours between two snapshots on a control plane, each at a minute of its own"
    )
    keep: int = Field(
        8,
        ge=1,
        le=1000,
        description="Number of bundles of each control plane that stay, while a new one has room beside them",
    )
    directory: Directory = Field(
        f"{STATE}/etcd-snapshots",
        description="Directory of the bundles on a control plane, which machines and clusters may share; a reset"
        " deletes the default one",
    )
    recipient: Annotated[TextFile, AfterValidator(_certificate)] | None = Field(
        None,
        description="File with the certificate for whose key bundles are encrypted; without one they stay on the"
        " machine, because they hold the keys of the cluster",
    )
