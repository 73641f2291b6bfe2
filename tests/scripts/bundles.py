"""A bundle of a cluster, as scripts/lib/bundle.sh packs it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from types import MappingProxyType

FILES = MappingProxyType(
    {
        "bundle.db": b"snapshot\n",
        "about": b"cluster-name=dev\n",
        "pki/sa.key": b"old\n",
        "pki/sa.pub": b"old\n",
        "pki/of-mine/oidc.crt": b"old\n",
        **{
            f"pki/{name}": b"of another machine\n"
            for name in ("apiserver.crt", "front-proxy-client.key", "etcd/server.crt")
        },
        **{f"pki/{name}.{end}": b"old\n" for name in ("ca", "front-proxy-ca", "etcd/ca") for end in ("crt", "key")},
    }
)


def bundle(files: Mapping[str, bytes] = FILES, level: int = 9) -> bytes:
    """The same for the same files; with level 0 its content can be read."""
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  ./{name}\n" for name, content in files.items())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in {**files, "SHA256SUMS": sums.encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), level, mtime=0)
