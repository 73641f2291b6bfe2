"""Bash that root runs on a host over the program ssh, with the host key that the stack pins.

Users are the transport of scripts, drift, repair and status, which are no resources. Steps use the command provider.
"""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.settings import Host, Ssh
from components.steps.connection import host_key_of

RUN_AS_ROOT = "sudo -n bash -euo pipefail -s"
NO_SSH = 127
"""Exit status of a shell without the program ssh."""


@dataclass(frozen=True)
class Answer:
    """The result of a script on a host.

    Attributes:
        status: exit status; 255 if ssh itself failed, 127 without a program ssh.
        output: standard output of the script.
        log: standard error of the script and of ssh.
    """

    status: int
    output: str
    log: str


async def run_as_root(host: Host, ssh: Ssh, text: str) -> Answer:
    """Run bash as root on a host. The call ends within a bound if the machine does not answer: see `_options`."""
    with _command(host, ssh) as command:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError:
            return Answer(NO_SSH, "", "no program ssh in PATH: apt-get install openssh-client")
        output, log = await process.communicate(text.encode())
    # The output of a machine may hold any bytes.
    return Answer(process.returncode or 0, output.decode(errors="replace"), log.decode(errors="replace"))


@contextmanager
def _command(host: Host, ssh: Ssh) -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory() as scratch:
        known_hosts = Path(scratch) / "known_hosts"
        known_hosts.write_text(_known_hosts(host, ssh))
        yield ["ssh", *_options(ssh, known_hosts), *_destination(host, ssh, known_hosts), RUN_AS_ROOT]


def _options(ssh: Ssh, known_hosts: Path) -> list[str]:
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f'UserKnownHostsFile="{known_hosts}"',
        "GlobalKnownHostsFile=none",
        # The timeout covers the handshake too: it ends a connection to a frozen sshd, whose kernel still accepts.
        f"ConnectTimeout={ssh.per_dial_timeout}",
        f"ConnectionAttempts={ssh.dial_error_limit}",
        # A connection to a machine that dies in the middle ends after a minute.
        "ServerAliveInterval=15",
        "ServerAliveCountMax=4",
        "LogLevel=ERROR",
    ]
    key = ["-i", str(ssh.private_key_file), "-o", "IdentitiesOnly=yes"] if ssh.private_key_file else []
    return ["-F", "none", *key, *(part for option in options for part in ("-o", option))]


def _destination(host: Host, ssh: Ssh, known_hosts: Path) -> list[str]:
    port, user = host.port or ssh.port, host.user or ssh.user
    through = []
    if ssh.bastion:
        bastion = ssh.bastion
        login = f"{bastion.user}@{bastion.address}"
        hop = ["ssh", *_options(ssh, known_hosts), "-W", "%h:%p", "-p", str(bastion.port), login]
        through = ["-o", f"ProxyCommand={shlex.join(hop)}"]  # a shell parses the text
    return [*through, "-p", str(port), f"{user}@{host.address}"]


def _known_hosts(host: Host, ssh: Ssh) -> str:
    lines = [_line(str(host.address), host.port or ssh.port, host_key_of(host, ssh))]
    if ssh.bastion:
        lines.append(_line(ssh.bastion.address, ssh.bastion.port, ssh.bastion.host_key))
    return "".join(lines)


def _line(address: str, port: int, key: str) -> str:
    return f"{address if port == 22 else f'[{address}]:{port}'} {key}\n"
