"""Snapshots of etcd, and the bundles that a restore needs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from components.settings import _patterns
from components.settings._types import Model, TextFile


def _certificate(value: Path) -> Path:
    try:
        ssl.create_default_context(cadata=value.read_text())
    except ssl.SSLError as error:
        raise ValueError(
            "no certificate in PEM; a new one: openssl req -x509 -newkey rsa:4096 -nodes -days 3650 -subj /CN=backup"
            " -keyout backup.key -out backup.crt"
        ) from error
    return value


class Backup(Model):
    """Snapshots of etcd on each control plane, in bundles with the keys of the cluster."""

    every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = Field(
        6, description="Hours between two snapshots on a control plane, each at a minute of its own"
    )
    keep: int = Field(8, ge=1, le=1000, description="Number of bundles that stay on each control plane")
    directory: Annotated[str, StringConstraints(pattern=_patterns.DIRECTORY)] = Field(
        "/var/lib/pulumi-kubeadm/etcd-snapshots",
        description="Directory of the bundles on a control plane; a reset deletes the default one",
    )
    recipient: Annotated[TextFile, AfterValidator(_certificate)] | None = Field(
        None,
        description="File with the certificate for whose key bundles are encrypted; without one they stay on the"
        " machine, because they hold the keys of the cluster",
    )
