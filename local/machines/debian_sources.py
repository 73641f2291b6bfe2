"""Debian mirrors of this host, for root file systems of any Debian release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
CODENAMES = {11: "bullseye", 12: "bookworm", 13: "trixie"}

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""Keyring of Debian's package debian-archive-keyring, with the keys of all releases in CODENAMES."""

SUFFIXES = ("", "-updates", "-security")


@dataclass(frozen=True)
class Source:
    """An entry of apt's sources: the address of a suite of an archive."""

    uri: str
    suite: str
    components: tuple[str, ...]

    @property
    def is_debian(self) -> bool:
        """True for an archive of Debian itself: a release with `main`, at a path whose name begins with debian."""
        directory = self.uri.rstrip("/").rpartition("/")[2]
        return self._suffix is not None and "main" in self.components and directory.startswith("debian")

    @property
    def _suffix(self) -> str | None:
        for codename in (*CODENAMES.values(), "stable", "oldstable"):
            if self.suite.startswith(codename) and self.suite.removeprefix(codename) in SUFFIXES:
                return self.suite.removeprefix(codename)
        return None

    def for_release(self, debian: int) -> str:
        """The line of sources.list with the same archive for another Debian release."""
        return f"deb [signed-by={KEYRING}] {self.uri} {CODENAMES[debian]}{self._suffix} main"


def host_sources(debian: int) -> list[str]:
    """Lines of sources.list for a Debian release, with the mirrors that this host itself uses.

    The list is empty if the host has no Debian mirror, as on Ubuntu.
    """
    one_line = [APT / "sources.list", *sorted(APT.glob("sources.list.d/*.list"))]
    entries = [source for path in one_line if path.exists() for source in _from_one_line_format(path.read_text())]
    for path in sorted(APT.glob("sources.list.d/*.sources")):
        entries += _from_deb822_format(path.read_text())
    return list(dict.fromkeys(source.for_release(debian) for source in entries if source.is_debian))


def _from_one_line_format(text: str) -> Iterator[Source]:
    """sources.list(5), one-line style; lines of other types and comments are left out."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            yield Source(found[1], found[2], tuple(found[3].split()))


def _from_deb822_format(text: str) -> Iterator[Source]:
    """sources.list(5), deb822 style; disabled stanzas are left out."""
    uncommented = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n\s*\n", uncommented):
        # A line that begins with a space continues the field before it.
        fields = {
            name.lower(): value.split() for name, value in re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t]+.*)*)", stanza)
        }
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri, suite, tuple(fields.get("components", [])))
