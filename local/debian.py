"""Debian packages on this host."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence

from local.commands import answers_yes, run
from local.report import say
from problem import StepError

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
            step,
            expected=f"{' '.join(missing)} {why}",
            seen="no apt-get on this host",
            next_command="install the packages by hand",
        )
    if os.geteuid() != 0:
        raise StepError(step, expected="root", seen=f"user id {os.geteuid()}", next_command="sudo make up")
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
    """True where dpkg lists the package as installed; False on a host without dpkg.

    Raises:
        StepError: dpkg does not say.
    """
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    if not shutil.which("dpkg-query"):
        return False
    step = f"query {package}"
    return answers_yes(query, step=step) and run(query, step=step, log="apt") == "installed"
