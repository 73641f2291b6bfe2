"""`python3 -m local.toolchain.sdk_versions`: the program's tests with the oldest and the newest SDKs of Pulumi.

An installation without the lock gets the newest SDKs within the bounds of pyproject.toml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from local.commands import run
from local.paths import CACHE, REPOSITORY, STATE
from local.report import say, step
from local.toolchain.python import UV_VERSION, install_python_packages
from local.toolchain.wheels import installed_wheel

RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
"""Resolution of uv: the choice among the accepted versions."""
TESTS = "tests/unit/components"


def accepted_sdks() -> list[str]:
    """The SDKs with their bounds, as the project accepts them."""
    dependencies = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    return [each for each in dependencies if re.match(r"pulumi\b", each)]


def install(name: str) -> Path:
    """The environment of the lock, but for the oldest or the newest SDKs; a later call looks for newer ones.

    Raises:
        StepError: a package cannot be downloaded.
    """
    target = STATE / "sdk" / name
    install_python_packages(target=target)
    with step(f"The {name} SDKs of Pulumi are installed"):
        uv = installed_wheel("uv", UV_VERSION) / "uv"
        environment = {**os.environ, "UV_CACHE_DIR": str(CACHE / "uv"), "VIRTUAL_ENV": str(target)}
        options = ["--quiet", "--system-certs", "--upgrade", "--resolution", RESOLUTIONS[name]]
        command: list[str | Path] = [uv, "pip", "install", *options, *accepted_sdks()]
        run(command, step=f"install the {name} SDKs", log="python", environment=environment)
    return target


def main(arguments: list[str]) -> int:
    """Run the tests in each environment, with arguments for pytest; the status of the first one that fails."""
    for name in RESOLUTIONS:
        python = install(name) / "bin" / "python"
        code = "import importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in "
        code += "('pulumi', 'pulumi-command', 'pulumi-kubernetes')), sep=', ')"
        say(f"  {name}: {subprocess.check_output([python, '-c', code], text=True).strip()}")
        status = subprocess.call([python, "-m", "pytest", *(arguments or [TESTS])], cwd=REPOSITORY)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
