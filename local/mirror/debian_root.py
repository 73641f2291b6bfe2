"""Small Debian file systems, for images and for the mirror itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from local.commands import run
from local.debian import install_packages
from local.machines.debian_sources import CODENAMES, host_sources

RELEASE = 12
UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")


def archive_root(packages: Sequence[str], archive: Path, *, removed: Sequence[str] = ()) -> None:
    """The archive is a tar of a Debian RELEASE with these packages and their dependencies, without documentation.

    Args:
        removed: paths without their leading slash that are deleted at the end.

    Raises:
        StepError: a package does not exist or no mirror can be reached.
    """
    install_packages(["mmdebstrap", "debian-archive-keyring"], why="to make small Debian file systems")
    run(
        [
            *("mmdebstrap", "--quiet", "--variant=essential", "--format=tar", f"--include={','.join(packages)}"),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
            *(f'--customize-hook=rm --recursive --force "$1/{path}"' for path in removed),
            *(CODENAMES[RELEASE], str(archive), *host_sources(RELEASE)),
        ],
        step=f"make a Debian {RELEASE} with {' '.join(packages)}",
        log="mmdebstrap",
    )
