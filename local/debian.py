"""Debian packages on this host, and the Debian mirror of this host."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from local.commands import run, succeeds
from local.report import say
from problem import Problem, StepError

LOCK_SECONDS = 300


def install_packages(packages: Sequence[str], *, why: str) -> None:
    """Install the packages that are missing, and print their names and the reason.

    Raises:
        StepError: this is no Debian-like host, the user is not root, or apt-get failed.
    """
    missing = [package for package in packages if not is_installed(package)]
    if not missing:
        return
    step = f"install {' '.join(missing)}"
    if not shutil.which("apt-get"):
        raise StepError(
            Problem(
                step,
                expected=f"{' '.join(missing)} {why}",
                seen="no apt-get on this host",
                next_command="install the packages by hand",
            )
        )
    if os.geteuid() != 0:
        raise StepError(Problem(step, expected="root", seen=f"user id {os.geteuid()}", next_command="sudo make up"))
    say(f"  Installing from Debian {why}: {' '.join(missing)}")
    apt_get = ["apt-get", "--quiet", "--yes", "--option", f"DPkg::Lock::Timeout={LOCK_SECONDS}"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _update(apt_get, step, environment)
    run([*apt_get, "install", "--no-install-recommends", *missing], step=step, log="apt", environment=environment)


def _update(apt_get: list[str], step: str, environment: dict[str, str]) -> None:
    """Read the package lists; wait for the lock of another apt-get, such as apt-daily's."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            run([*apt_get, "update"], step=step, log="apt", environment=environment)
        except StepError as error:
            if "lists/lock" not in error.problem.seen or time.monotonic() > deadline:
                raise
            time.sleep(1)  # apt-get has no option to wait for this lock
        else:
            return


def is_installed(package: str) -> bool:
    """True where dpkg lists the package as installed."""
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return succeeds(query) and run(query, step=f"query {package}", log="apt") == "installed"


UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")


def debian_mirror() -> str:
    """Address of the Debian mirror that this host's apt uses.

    Raises:
        StepError: this host's apt has no Debian mirror.
    """
    step = "find a Debian mirror"
    query = ["apt-get", "indextargets", "--format", "$(LABEL)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"]
    for line in run(query, step=step, log="apt").splitlines():
        label, component, address = line.split("|", 2)
        if (label, component) == ("Debian", "main"):
            return address
    raise StepError(
        Problem(
            step,
            expected="a Debian mirror among the sources of apt, with its index",
            seen="none",
            next_command="apt-get update; add Debian to /etc/apt/sources.list.d if this host is another distribution",
        )
    )


def archive_root(release: str, packages: Sequence[str], archive: Path, *, removed: Sequence[str] = ()) -> None:
    """The archive is a tar of a small Debian with these packages and their dependencies, without documentation.

    Args:
        release: Debian's name of the release, such as bookworm.
        removed: paths without their leading slash that are deleted at the end.

    Raises:
        StepError: a package does not exist or the mirror cannot be reached.
    """
    install_packages(["mmdebstrap"], why="to make small Debian file systems")
    run(
        [
            *("mmdebstrap", "--variant=essential", "--format=tar", f"--include={','.join(packages)}"),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNWANTED),
            *(f'--customize-hook=rm --recursive --force "$1/{path}"' for path in removed),
            *(release, archive, debian_mirror()),
        ],
        step=f"make a Debian {release} with {' '.join(packages)}",
        log="mmdebstrap",
    )
