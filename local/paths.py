"""Where things live on this host. Nothing is written anywhere else, except by Debian's package manager and podman."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

STATE = REPOSITORY / ".local"
"""Of this checkout: Pulumi's state, keys, generated stack files, logs. Ignored by git."""

LOGS = STATE / "logs"

VIRTUAL_ENVIRONMENT = REPOSITORY / ".venv"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-kubeadm"
"""Shared by all checkouts of a user: what took long to build. `make clean-cache` deletes it."""

TOOL_CHAIN_BIN = CACHE / "toolchain" / "bin"

GO_MODULES = CACHE / "go" / "mod"
"""GOMODCACHE of all builds. Serves builds only; deleted when they are done."""

GO_BUILD = CACHE / "go" / "build"
"""GOCACHE of all builds. Serves builds only; deleted when they are done."""

MACHINE_IMAGES = CACHE / "machines"
MIRROR = CACHE / "mirror"
