"""Content of the image registry, in the layout of docker-registry on disk.

storage/paths.go of github.com/distribution/distribution describes the layout, which versions 2 and 3 share. Writing the
layout needs no running registry, and clients never see an interrupted write.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.files import write_whole
from local.paths import MIRROR

STORAGE = MIRROR / "registry"
"""rootdirectory of docker-registry."""

V2 = STORAGE / "docker" / "registry" / "v2"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Blob:
    """A blob of the registry.

    Attributes:
        digest: digest with the prefix sha256:.
        size: size in bytes.
    """

    digest: str
    size: int

    @property
    def file(self) -> Path:
        """Path of the blob in the registry."""
        return _blob_directory(self.digest) / "data"

    def is_there(self) -> bool:
        """True where the registry has the complete blob."""
        return self.file.exists() and self.file.stat().st_size == self.size

    def descriptor(self, media_type: str) -> dict[str, Any]:
        """The descriptor of the blob in a manifest."""
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


class BlobWriter:
    """A file with the digest of its content."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write data; return the number of bytes, as files do."""
        self._digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def blob(self) -> Blob:
        """The blob of the content so far."""
        return Blob(f"sha256:{self._digest.hexdigest()}", self.size)


@contextmanager
def new_blob() -> Iterator[BlobWriter]:
    """A writer whose content becomes a blob at the end of the block, unless the block fails."""
    MIRROR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MIRROR, prefix=".blob-") as scratch:
        unfinished = Path(scratch) / "data"
        with unfinished.open("wb") as file:
            writer = BlobWriter(file)
            yield writer
        unfinished.chmod(0o644)
        writer.blob.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.replace(writer.blob.file)


def put_json(value: object) -> Blob:
    """Store a value as JSON in the registry."""
    with new_blob() as writer:
        writer.write(json.dumps(value, sort_keys=True).encode())
    return writer.blob


def tag_image(repository: str, tag: str, config: Blob, layers: list[Blob]) -> None:
    """Tag an image of these layers. A client sees either the old image or the new image."""
    manifest = put_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG),
            "layers": [layer.descriptor(LAYER) for layer in layers],
        }
    )
    root = V2 / "repositories" / repository
    for blob in (config, *layers):
        _link(root / "_layers", blob.digest)
    _link(root / "_manifests" / "revisions", manifest.digest)
    tags = root / "_manifests" / "tags" / tag
    _link(tags / "index", manifest.digest)
    write_whole(tags / "current" / "link", manifest.digest)


def is_complete(repository: str, tag: str) -> bool:
    """True where the tag exists, and every blob that it refers to."""
    link = V2 / "repositories" / repository / "_manifests" / "tags" / tag / "current" / "link"
    if not link.exists():
        return False
    data = _blob_directory(link.read_text()) / "data"
    if not data.exists() or hashlib.sha256(data.read_bytes()).hexdigest() != link.read_text().removeprefix("sha256:"):
        return False
    manifest = json.loads(data.read_bytes())
    return all(Blob(part["digest"], part["size"]).is_there() for part in (manifest["config"], *manifest["layers"]))


def remove_unreferenced() -> None:
    """Delete every blob that no tag refers to."""
    wanted: set[str] = set()
    for link in V2.glob("repositories/**/_manifests/tags/*/current/link"):
        manifest = _blob_directory(link.read_text())
        wanted.add(manifest.name)
        if (manifest / "data").exists():
            parts = json.loads((manifest / "data").read_bytes())
            wanted.update(part["digest"].removeprefix("sha256:") for part in (parts["config"], *parts["layers"]))
    for directory in V2.glob("blobs/sha256/*/*"):
        if directory.name not in wanted:
            shutil.rmtree(directory)


def _blob_directory(digest: str) -> Path:
    number = digest.removeprefix("sha256:")
    return V2 / "blobs" / "sha256" / number[:2] / number


def _link(directory: Path, digest: str) -> None:
    write_whole(directory / "sha256" / digest.removeprefix("sha256:") / "link", digest)
