"""SSH host keys from a known_hosts file, in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

SIGNS_WITH_SHA_1 = "ssh-rsa "
"""Beginning of an RSA key: the command provider lets it sign with SHA-1 alone, which OpenSSH refuses since 8.8."""


def known_host_key(file: Path, address: str, port: int) -> str | None:
    """Type and key of the first line for an address, of an RSA key only where it has no other; None without a line."""
    keys = known_host_keys(file, address, port)
    return next((key for key in keys if not key.startswith(SIGNS_WITH_SHA_1)), keys[0] if keys else None)


def known_host_keys(file: Path, address: str, port: int) -> list[str]:
    """Type and key of each line for an address whose key is not revoked: a machine has several keys."""
    wanted = address if port == 22 else f"[{address}]:{port}"
    revoked, found = revoked_keys(file), list[str]()
    for line in file.read_text(errors="replace").splitlines():
        names, _, key = line.strip().partition(" ")
        if names.startswith(("#", "@")) or without_comment(key) in revoked:
            continue
        if any(_matches(name, wanted) for name in names.split(",")):
            found.append(key.strip())
    return found


def revoked_keys(file: Path) -> set[str]:
    """Type and key of each line that is marked `@revoked`: a key that is never accepted, whichever host shows it."""
    lines = (line.split() for line in file.read_text(errors="replace").splitlines())
    return {without_comment(" ".join(words[2:])) for words in lines if words[:1] == ["@revoked"]}


def without_comment(key: str) -> str:
    """Type and key alone."""
    return " ".join(key.split()[:2])


def _matches(name: str, wanted: str) -> bool:
    """True where a name matches: a plain name, or `|1|salt|hash` if HashKnownHosts is on."""
    if not name.startswith("|1|"):
        return name == wanted
    try:
        salt, expected = (base64.b64decode(part) for part in name.removeprefix("|1|").split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, wanted.encode(), hashlib.sha1).digest(), expected)
