"""The Python packages of the project, locked by hash, in `.venv`."""

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
STAMP = VIRTUAL_ENVIRONMENT / "requirements.sha256"


def install_python_packages() -> None:
    """Install exactly the packages of requirements.txt in `.venv`, unless it already has them.

    Raises:
        StepError: a package cannot be downloaded, or has another hash.
    """
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    with step("Python packages are installed"):
        uv = installed_wheel("uv", UV_VERSION) / "uv"
        environment = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv"), "VIRTUAL_ENV": str(VIRTUAL_ENVIRONMENT)}
        create: list[str | Path] = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, VIRTUAL_ENVIRONMENT]
        run(create, step="create .venv", log="python", environment=environment)
        # uv has certificates of its own; the CA of a network that intercepts TLS is in the store of the host.
        sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--system-certs", "--require-hashes", REQUIREMENTS]
        run(sync, step="install Python packages", log="python", environment=environment)
        STAMP.write_text(wanted)
