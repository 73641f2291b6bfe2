"""The programs that run a stack: Python packages, Pulumi and its plugins, and Go for builds."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from local.paths import STATE, TOOL_CHAIN_BIN, VIRTUAL_ENVIRONMENT
from local.report import say
from local.toolchain.pulumi import HAS_PLUGINS, has_substitute, install_pulumi
from local.toolchain.python import install_python_packages

__all__ = ["environment", "has_substitute", "install", "install_python_packages", "say_path"]

OPERATIONS_AT_A_TIME = "100"


def install() -> None:
    """Install everything that running a stack needs; a second call takes no time."""
    _make_private(STATE)
    install_python_packages()
    install_pulumi()


def say_path() -> None:
    """Print the command that puts Pulumi into PATH, unless PATH has a Pulumi."""
    if shutil.which("pulumi") is None:
        # The language host of a built tool chain does not look for the packages in .venv itself.
        path = os.pathsep.join([str(VIRTUAL_ENVIRONMENT / "bin"), str(TOOL_CHAIN_BIN), "$PATH"])
        say(f'  pulumi is not in PATH. To type its commands: export PATH="{path}"')


def environment() -> dict[str, str]:
    """The environment of Pulumi: the tool chain first in PATH, state and passphrase of this checkout."""
    home, state, passphrase = STATE / "pulumi-home", STATE / "pulumi-state", STATE / "passphrase"
    for directory in (STATE, home, state):
        _make_private(directory)
    _make_passphrase(passphrase)
    path = [str(VIRTUAL_ENVIRONMENT / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]]
    variables = {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PULUMI_HOME": str(home),
        # No sidecar files: a half-written sidecar file of a killed Pulumi makes the whole state unreadable.
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Pulumi's own default is four for each core. Operations wait for machines, and hardly for this host's cores.
        "PULUMI_PARALLEL": os.environ.get("PULUMI_PARALLEL", OPERATIONS_AT_A_TIME),
    }
    if HAS_PLUGINS:
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    # Pulumi 3.259 prefers the variable to the file, and then cannot read the secrets of this checkout.
    variables.pop("PULUMI_CONFIG_PASSPHRASE", None)
    # The command provider connects to the agent even if it has a key, and fails on a dead socket.
    if not _answers(variables.get("SSH_AUTH_SOCK", "")):
        variables.pop("SSH_AUTH_SOCK", None)
    return variables


def _make_private(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    directory.chmod(0o700)


def _make_passphrase(path: Path) -> None:
    """Create the file of the passphrase, complete and with mode 0600; an existing file stays."""
    if path.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
        file.write(secrets.token_urlsafe(24))
        file.flush()
        with suppress(FileExistsError):  # the file of a faster process
            os.link(file.name, path)


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True
