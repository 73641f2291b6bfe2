"""Paths on this host. Only Debian's package manager and podman write elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

STATE = REPOSITORY / ".local"
"""Directory of this checkout, ignored by git: Pulumi's state, keys, generated stack files, logs."""

LOGS = STATE / "logs"

VIRTUAL_ENVIRONMENT = REPOSITORY / ".venv"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-kubeadm"
"""Cache of long builds, shared by all checkouts of a user. `make clean-cache` deletes the cache."""

TOOL_CHAIN_BIN = CACHE / "toolchain" / "bin"

GO_MODULES = CACHE / "go" / "mod"
"""GOMODCACHE of all builds, deleted after the builds."""

GO_BUILD = CACHE / "go" / "build"
"""GOCACHE of all builds, deleted after the builds."""

MACHINE_IMAGES = CACHE / "machines"
MIRROR = CACHE / "mirror"
