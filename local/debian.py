"""Debian packages on this host, and where this host gets them from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from local.commands import run, succeeds
from local.errors import LocalError
from local.report import say


def install_packages(packages: Sequence[str], *, why: str) -> None:
    """Install the packages that are missing, and say which and why.

    Raises:
        LocalError: this is no Debian-like host, the user is not root, or apt-get failed.
    """
    missing = [package for package in packages if not is_installed(package)]
    if not missing:
        return
    step = f"install {' '.join(missing)}"
    if not shutil.which("apt-get"):
        raise LocalError(
            step, expected=f"{' '.join(missing)} {why}", seen="no apt-get on this host", next_command="install them by hand"
        )
    if os.geteuid() != 0:
        raise LocalError(step, expected="root", seen=f"user id {os.geteuid()}", next_command="sudo make up")
    say(f"  Installing from Debian {why}: {' '.join(missing)}")
    apt_get = ["apt-get", "--quiet", "--yes", "--option", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([*apt_get, "update"], step=step, log="apt", environment=environment)
    run([*apt_get, "install", "--no-install-recommends", *missing], step=step, log="apt", environment=environment)


def is_installed(package: str) -> bool:
    """Whether dpkg has the package installed."""
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return succeeds(query) and run(query, step=f"look for {package}", log="apt") == "installed"
