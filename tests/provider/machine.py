"""Machines for the provider: sshd of this host on loopback, for the user that runs the tests, and ports that fail."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.support.listening import closed_port, listening, wait_until_listening

SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Machine:
    """An SSH server that runs.

    Attributes:
        port: on loopback.
        process: of the server that accepts connections.
        private_key: of the one user who may log in.
        host_key: type and base64.
    """

    port: int
    process: int
    private_key: str
    host_key: str

    @property
    def connection(self) -> dict[str, Any]:
        """How the provider connects, as our program tells it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": getpass.getuser(),
            "privateKey": self.private_key,
            "hostKey": self.host_key,
            "dialErrorLimit": 1,
            "perDialTimeout": 5,
        }

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The kernel still accepts connections, the server says nothing."""
        os.kill(self.process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process, signal.SIGCONT)


@contextmanager
def machine(directory: Path) -> Iterator[Machine]:
    """An SSH server until the end of the block; it takes the variables GREETING and PULUMI_COMMAND_STDERR."""
    for key in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key], check=True)
    port, configuration, log = closed_port(), directory / "sshd_config", directory / "sshd.log"
    lines = (
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {directory}/host",
        f"AuthorizedKeysFile {directory}/login.pub",
        "AcceptEnv GREETING PULUMI_COMMAND_STDERR",
        "PermitRootLogin yes",
        "PidFile none",
        # The shell of a login reads ~/.bashrc at level 1 only.
        "SetEnv SHLVL=1",
        "StrictModes no",
        "UseDNS no",
        "UsePAM no",
    )
    configuration.write_text("".join(f"{line}\n" for line in lines))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-f", configuration, "-E", log]) as process:
        try:
            wait_until_listening(process, log)
            host_key = " ".join((directory / "host.pub").read_text().split()[:2])
            yield Machine(port, process.pid, (directory / "login").read_text(), host_key)
        finally:
            process.terminate()


@contextmanager
def dropping() -> Iterator[tuple[int, list[float]]]:
    """A port that closes each connection, and the time of each."""
    times: list[float] = []

    def drop(connection: socket.socket) -> None:
        times.append(time.monotonic())
        connection.close()

    with listening(drop) as (port, _):
        yield port, times
