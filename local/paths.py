"""Paths on this host. Only Debian's package manager and podman write elsewhere."""

from __future__ import annotations

import os
import platform
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

STATE = REPOSITORY / ".local"
"""Directory of this checkout, ignored by git: Pulumi's state, keys, generated stack files, logs."""

LOGS = STATE / "logs"

VIRTUAL_ENVIRONMENT = REPOSITORY / ".venv"

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pulumi-kubeadm"
"""Cache of long builds, shared by all checkouts of a user. `make clean-cache` deletes the cache."""

LINUX_ON_AMD64 = "linux-x86_64"
PLATFORM = f"{platform.system()}-{platform.machine()}".lower()
"""System and architecture of this host, such as linux-x86_64 or darwin-arm64."""

TOOL_CHAIN = CACHE / ("toolchain" if PLATFORM == LINUX_ON_AMD64 else f"toolchain-{PLATFORM}")
"""Programs of this host's system: a home directory may be shared by hosts of several systems."""

TOOL_CHAIN_BIN = TOOL_CHAIN / "bin"

GO_MODULES = CACHE / "go" / "mod"
"""GOMODCACHE of all builds, deleted after the builds."""

GO_BUILD = CACHE / "go" / "build"
"""GOCACHE of all builds, deleted after the builds."""

MACHINE_IMAGES = CACHE / "machines"
MIRROR = CACHE / "mirror"
