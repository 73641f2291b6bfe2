"""Archives of a publisher, verified by the checksums that lie beside them."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from problem import StepError

TIMEOUT_SECONDS = 5
"""Time limit of a connection, and of each wait for data."""

ALGORITHMS = {64: "sha256", 128: "sha512"}
"""Algorithm by number of hexadecimal digits."""


def downloaded(archive: str, checksums: str, directory: Path) -> Path | None:
    """The archive as a file in the directory; None where the archive or its checksum cannot be downloaded.

    Args:
        archive: address of the archive.
        checksums: address of the list of checksums, in the format of sha256sum.
        directory: directory of the downloaded file.

    Raises:
        StepError: the archive has another checksum than the list.
    """
    name = PurePosixPath(archive).name
    target = directory / name
    try:
        with urllib.request.urlopen(checksums, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - https, or a test's
            published = published_digest(answer.read().decode(), name)
        if published is None:
            return None
        with (
            urllib.request.urlopen(archive, timeout=TIMEOUT_SECONDS) as answer,  # noqa: S310 - https, or a test's
            target.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
            if answer.length:  # missing bytes, which copyfileobj does not report
                raise http.client.IncompleteRead(b"", answer.length)
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # the error is an open answer, too
        target.unlink(missing_ok=True)
        return None
    with target.open("rb") as file:
        seen = hashlib.file_digest(file, ALGORITHMS[len(published)]).hexdigest()
    if seen != published:
        target.unlink()
        raise StepError(
            f"download {name}",
            expected=f"the checksum {published} of {checksums}",
            seen=seen,
            next_command=f"curl --remote-name {archive}; a proxy on the way may answer in the publisher's place",
        )
    return target


def published_digest(checksums: str, name: str) -> str | None:
    """The digest of a file in a list of sha256sum or sha512sum; None where the list lacks the file."""
    for line in checksums.splitlines():
        digest, _, named = line.strip().partition(" ")
        if named.strip().removeprefix("*").removeprefix("./") == name and len(digest) in ALGORITHMS:
            return digest.lower()
    return None


def unpack(archive: Path, programs: Collection[str], directory: Path) -> list[str]:
    """Unpack programs of an archive into a directory, executable; return the names of the found programs."""
    found = []
    with tarfile.open(archive) as content:
        for member in content:
            name = PurePosixPath(member.name).name
            source = content.extractfile(member) if name in programs and member.isfile() else None
            if source is not None:
                with source, (directory / name).open("wb") as file:
                    shutil.copyfileobj(source, file)
                (directory / name).chmod(0o755)
                found.append(name)
    return found
