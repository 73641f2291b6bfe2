"""The programs of the etcd of the local mirror, without a machine."""

from __future__ import annotations

import json
import socket
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from local import mirror
from local.mirror import versions
from local.paths import MIRROR

REGISTRY = MIRROR / "registry/docker/registry/v2"


def unpack_etcd(directory: Path) -> None:
    """Put etcd, etcdctl and etcdutl into a directory."""
    mirror.build(mirror.KUBERNETES)
    tag = f"{versions.release(mirror.KUBERNETES).etcd}-0"
    for layer in layers(REGISTRY / f"repositories/gcr/etcd/_manifests/tags/{tag}/current/link"):
        with tarfile.open(layer) as archive:
            for entry in archive:
                if entry.name.startswith("usr/local/bin/etcd"):
                    entry.name = Path(entry.name).name
                    archive.extract(entry, directory, filter="data")


def layers(tag: Path) -> list[Path]:
    """The layers of an image of the local registry."""
    return [blob(layer["digest"]) for layer in json.loads(blob(tag.read_text()).read_bytes())["layers"]]


def blob(digest: str) -> Path:
    """A file of the local registry."""
    name = digest.removeprefix("sha256:")
    return REGISTRY / "blobs/sha256" / name[:2] / name / "data"


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_healthy(health: Callable[[], str]) -> None:
    """Wait until an etcd serves, by what `etcdctl endpoint health` says of it."""
    end = time.monotonic() + 60
    while "is healthy" not in health():
        assert time.monotonic() < end
        time.sleep(0.2)
