"""Files that others wrote: fetched by their checksum, kept, and verified at every read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.error import HTTPError

import pulumi

from problem import Problem

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-kubeadm" / "manifests"
FETCH_TIMEOUT_SECONDS = 20
USER_AGENT = "pulumi-kubeadm"
"""Networks in front of repositories take the name of urllib for a robot, and answer 403."""
LARGEST_BYTES = 64 * 1024**2
"""Several times the size of the largest manifests and charts. A download of something else, such as an image of a disk,
ends early.
"""


class Source(NamedTuple):
    """A request for a file that others wrote.

    Attributes:
        url: its URL.
        accept: the types of content that are of use.
        authorization: header of a login, for the server of the URL alone, and only over TLS.
        ca_file: certificate of an authority that is trusted beside those of this computer.
    """

    url: str
    accept: str = "*/*"
    authorization: str = ""
    ca_file: Path | None = None


def fetched(sha256: str, source: Callable[[], Source], suffix: str) -> bytes:
    """A file of others, which is fetched once, kept by its checksum, and verified at every read.

    Args:
        sha256: its SHA-256, in hexadecimal digits.
        source: finds it where it has to be fetched.
        suffix: end of its name in the cache.

    Raises:
        pulumi.RunError: it cannot be fetched, or has another checksum.
    """
    cached = CACHE / f"{sha256}{suffix}"
    content = b""
    with contextlib.suppress(OSError):  # no file yet, or a directory of another user
        content = cached.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        found = source()
        content = answer_of(found)
        check_sum(content, sha256, found.url)
        with contextlib.suppress(OSError):  # a home that is read-only: the next preview fetches it again
            cached.parent.mkdir(parents=True, exist_ok=True)
            unfinished = cached.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(content)
            unfinished.replace(cached)
    return content


def answer_of(source: Source) -> bytes:
    """The content of a file of others.

    Raises:
        pulumi.RunError: it cannot be read; its cause is the error of urllib.
    """
    try:
        # The settings allow https, http and file, nothing else.
        request = urllib.request.Request(source.url, headers={"User-Agent": USER_AGENT, "Accept": source.accept})  # noqa: S310
        if source.authorization:
            assert source.url.startswith("https://"), "whoever makes a login looks"
            request.add_unredirected_header("Authorization", source.authorization)
        trusted = ssl.create_default_context() if source.ca_file else None
        if trusted:
            trusted.load_verify_locations(source.ca_file)
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_SECONDS, context=trusted) as answer:  # noqa: S310
            content = bytes(answer.read(LARGEST_BYTES + 1))
            missing = getattr(answer, "length", None)  # a read with a limit does not report an early end
        if missing and len(content) <= LARGEST_BYTES:
            raise IncompleteRead(content, missing)
    except (OSError, HTTPException, ValueError) as error:  # an incomplete file raises HTTPException
        if isinstance(error, HTTPError):
            error.close()
        raise _unreadable(source.url, str(error) or type(error).__name__) from error
    if len(content) > LARGEST_BYTES:
        raise _unreadable(source.url, f"more than {LARGEST_BYTES // 1024**2} MiB")
    return content


def refuse(where: str, expected: str, seen: str, next_command: str) -> NoReturn:
    """Refuse a file of others.

    Raises:
        pulumi.RunError: in any case.
    """
    raise pulumi.RunError(str(Problem(where, expected=expected, seen=seen, next_command=next_command)))


def _unreadable(url: str, seen: str) -> pulumi.RunError:
    problem = Problem(
        "fetch",
        expected=f"{url} to be readable",
        seen=seen,
        next_command="copy the file to where it can be reached, and set its URL in the stack file:"
        ' docs/pull-requests.md, "Networks without GitHub"',
    )
    return pulumi.RunError(str(problem))


def check_sum(content: bytes, sha256: str, source: str) -> None:
    """Compare the checksum of a file with that in the stack file.

    Args:
        content: the file.
        sha256: the wanted SHA-256, in hexadecimal digits.
        source: path or URL of the file, for the error.

    Raises:
        pulumi.RunError: they differ.
    """
    check_digest(hashlib.sha256(content).hexdigest(), sha256, source)


def check_digest(seen: str, sha256: str, source: str) -> None:
    """Compare the checksum of a file with that in the stack file, as `check_sum`."""
    if seen != sha256:
        problem = Problem(
            source,
            expected=f"sha256 {sha256}",
            seen=seen,
            next_command="read what changed in the file before you change the checksum in the stack file",
        )
        raise pulumi.RunError(str(problem))
