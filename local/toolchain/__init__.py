"""The programs that a stack is run with: Python packages, Pulumi and its plugins, and Go to build with."""

from __future__ import annotations

import os
import secrets

from local.paths import STATE, TOOL_CHAIN_BIN, VIRTUAL_ENVIRONMENT
from local.toolchain.pulumi import install_pulumi
from local.toolchain.python import install_python_packages

__all__ = ["environment", "install", "install_python_packages"]


def install() -> None:
    """Everything that running a stack needs is there; a second call takes no time."""
    install_python_packages()
    install_pulumi()


def environment() -> dict[str, str]:
    """The environment that Pulumi runs with: our tools first, state and passphrase of this checkout."""
    STATE.mkdir(exist_ok=True, mode=0o700)
    state = STATE / "pulumi-state"
    state.mkdir(exist_ok=True, mode=0o700)
    passphrase = STATE / "passphrase"
    if not passphrase.exists():
        with os.fdopen(os.open(passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    path = [str(VIRTUAL_ENVIRONMENT / "bin"), str(TOOL_CHAIN_BIN), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PULUMI_HOME": str(STATE / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
