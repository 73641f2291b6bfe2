"""Layers of images: files, or a small Debian. A layer is made once per content, and kept in the registry."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, cast

from local.files import write_whole
from local.mirror.content import Content, combined_key, content_key
from local.mirror.debian_root import RELEASE, archive_root
from local.mirror.registry import Blob, BlobWriter, new_blob
from local.paths import MIRROR

KNOWN = MIRROR / "layers"
"""Directory of the known layers, by key of their content."""

NETWORK_PACKAGES = (
    *("iptables", "nftables", "ipset", "conntrack", "kmod"),
    *("iproute2", "procps", "runit", "ca-certificates"),
)
"""Packages of kube-proxy and Calico's node, in a shared layer that a machine pulls once."""

REMOVED = ("etc/service",)
"""Paths that are removed: Debian's runit has a link where Calico has a directory."""

LAYOUT = "1"
"""Version of the layers; a change of this module that makes other layers of the same content changes it."""


def files_layer(contents: tuple[Content, ...], writable: tuple[str, ...]) -> Blob:
    """A layer with these files, owned by root, and with directories that every user may write to."""

    def write(writer: BlobWriter) -> None:
        with tarfile.open(fileobj=cast("IO[bytes]", writer), mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for directory in writable:
                entry = tarfile.TarInfo(directory[1:])
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
                archive.addfile(entry)
            added: dict[Path, str] = {}
            for content in contents:
                for target, path in content.files():
                    _add(archive, target, path, content.mode, added)

    return _kept(combined_key("files", LAYOUT, content_key(contents), *writable), write)


def debian_layer() -> Blob:
    """A small Debian with NETWORK_PACKAGES. Its iptables uses nf_tables."""

    def write(writer: BlobWriter) -> None:
        with tempfile.TemporaryDirectory(dir=MIRROR, prefix=".debian-") as scratch:
            archive = Path(scratch) / "root.tar"
            archive_root(NETWORK_PACKAGES, archive, removed=REMOVED)
            with archive.open("rb") as file:
                shutil.copyfileobj(file, writer)

    return _kept(combined_key("debian", LAYOUT, RELEASE, *NETWORK_PACKAGES, *REMOVED), write)


def _add(archive: tarfile.TarFile, target: str, path: Path, mode: int, added: dict[Path, str]) -> None:
    """Add a file; a file that the archive has under another name becomes a link to that name."""
    entry = tarfile.TarInfo(target[1:])
    entry.mode = mode
    if path in added:
        entry.type, entry.linkname = tarfile.LNKTYPE, added[path]
        archive.addfile(entry)
        return
    added[path] = entry.name
    entry.size = path.stat().st_size
    with path.open("rb") as file:
        archive.addfile(entry, file)


def _kept(key: str, write: Callable[[BlobWriter], None]) -> Blob:
    known = KNOWN / f"{key}.json"
    if known.exists():
        blob = Blob(**json.loads(known.read_text()))
        if blob.is_there():
            return blob
    with new_blob() as writer:
        write(writer)
    write_whole(known, json.dumps(asdict(writer.blob)))
    return writer.blob
