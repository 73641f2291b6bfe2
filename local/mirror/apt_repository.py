"""Flat package repositories for apt, signed with a key of this host."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

from local.commands import run
from local.files import write_whole
from local.mirror.content import combined_key
from local.mirror.packages import Package
from local.paths import MIRROR
from problem import StepError

KEYS = MIRROR / "keys"
"""GNUPGHOME of the signing key, mode 0700."""

KEYRING = MIRROR / "keyring.asc"
"""The public key, ASCII-armored."""

USER = "Local mirror <mirror@example.test>"
LAYOUT = "1"
"""Version of the written files; a change of this module that writes other files changes it."""


def publish(directory: Path, packages: list[Package]) -> None:
    """Make a directory a signed package repository with exactly these packages; unchanged packages stay.

    Raises:
        StepError: apt-ftparchive or gpg failed.
    """
    keyring = ensure_key()
    stamp = directory / ".published.key"
    key = combined_key(LAYOUT, fingerprint(), *((package.key, package.file.stat().st_mtime_ns) for package in packages))
    if stamp.exists() and stamp.read_text() == key:
        return
    stamp.unlink(missing_ok=True)
    wanted = {package.file.name for package in packages}
    for old in directory.glob("*.deb"):
        if old.name not in wanted:
            old.unlink()
    _write_index(directory)
    _sign(directory)
    (directory / "Release.key").write_bytes(keyring.read_bytes())
    stamp.write_text(key)


def ensure_key() -> Path:
    """The keyring with the public signing key, which is created once per cache."""
    if not KEYRING.exists():
        KEYS.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            if not _secret_key():
                _gpg("--quick-generate-key", USER, "rsa3072", "sign", "never")
            write_whole(KEYRING, _gpg("--armor", "--export"))
        finally:
            _end_agent()
    return KEYRING


def fingerprint() -> str:
    """Fingerprint of the signing key: 40 hexadecimal digits."""
    show: list[str | Path] = ["gpg", "--batch", "--homedir", KEYS, "--with-colons", "--show-keys", KEYRING]
    return _first_fingerprint(run(show, step="read the signing key", log="packages"))


def _secret_key() -> bool:
    return "sec:" in _gpg("--with-colons", "--list-secret-keys")


def _write_index(directory: Path) -> None:
    step = f"index the packages in {directory.name}"
    index = run(["apt-ftparchive", "packages", "."], step=step, log="packages", cwd=directory)
    (directory / "Packages").write_text(index)
    (directory / "Packages.gz").write_bytes(gzip.compress(index.encode(), mtime=0))
    for old in ("Release", "InRelease", "Release.gpg"):
        (directory / old).unlink(missing_ok=True)
    options = [f"APT::FTPArchive::Release::{name}=Local mirror" for name in ("Origin", "Label")]
    chosen = [argument for option in options for argument in ("--option", option)]
    release = run(["apt-ftparchive", *chosen, "release", "."], step=step, log="packages", cwd=directory)
    (directory / "Release").write_text(release)


def _sign(directory: Path) -> None:
    release = directory / "Release"
    try:
        _gpg("--yes", "--output", directory / "InRelease", "--clearsign", release)
        _gpg("--yes", "--armor", "--output", directory / "Release.gpg", "--detach-sign", release)
    finally:
        _end_agent()


def _gpg(*arguments: str | Path) -> str:
    command = ["gpg", "--batch", "--homedir", KEYS, "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
    return run(command, step="sign packages", log="packages", environment={**os.environ, "LC_ALL": "C"})


def _end_agent() -> None:
    """End the agent that gpg started for KEYS, and no other agent."""
    run(["gpgconf", "--homedir", KEYS, "--kill", "all"], step="end gpg's agent", log="packages")


def _first_fingerprint(listing: str) -> str:
    found = re.search(r"^fpr:+([0-9A-F]{40}):", listing, re.MULTILINE)
    if not found:
        raise StepError(
            "read the signing key", expected=f"a key in {KEYRING}", seen=listing, next_command=f"rm -r {KEYS} {KEYRING}"
        )
    return found[1]
