"""A provider and a machine for it: the substitute of the tool chain, or the one that COMMAND_PROVIDER names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.debian import install_packages
from local.paths import TOOL_CHAIN_BIN
from tests.provider.machine import Machine, machine
from tests.provider.plugin import Plugin, running

BINARY = Path(os.environ.get("COMMAND_PROVIDER") or TOOL_CHAIN_BIN / "pulumi-resource-command")


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine."""
    install_packages(["openssh-server"], why="for a machine of the tests")
    with machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


@pytest.fixture
def provider() -> Iterator[Plugin]:
    """A provider of its own: one that hangs ends with its test."""
    environment = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    with running(BINARY, environment) as found:
        yield found
