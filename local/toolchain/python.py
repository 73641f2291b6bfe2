"""Python packages, locked by hash, in an environment of their own."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from local.commands import run
from local.paths import CACHE, REPOSITORY, VIRTUAL_ENVIRONMENT
from local.report import step
from local.toolchain.wheels import installed_wheel

UV_VERSION = "0.13.9"
REQUIREMENTS = REPOSITORY / "requirements.txt"


def install_python_packages(requirements: Path = REQUIREMENTS, target: Path = VIRTUAL_ENVIRONMENT) -> None:
    """Install exactly the packages of a file of requirements in an environment, unless it already has them.

    Raises:
        StepError: a package cannot be downloaded, or has another hash.
    """
    stamp = target / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with step("Python packages are installed"):
        uv = installed_wheel("uv", UV_VERSION) / "uv"
        environment = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv"), "VIRTUAL_ENV": str(target)}
        create: list[str | Path] = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, target]
        run(create, step=f"create {target.name}", log="python", environment=environment)
        # uv has certificates of its own; the CA of a network that intercepts TLS is in the store of the host.
        sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--system-certs", "--require-hashes", requirements]
        run(sync, step="install Python packages", log="python", environment=environment)
        stamp.write_text(wanted)
