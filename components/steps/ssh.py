"""Bash that root runs on a host over the program ssh, with the host key that the stack pins.

Users are the transport of scripts, drift, repair and status, which are no resources. Steps use the command provider.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.settings import Host, Ssh
from components.steps.connection import host_key_of
from components.steps.result import result_of

RUN_AS_ROOT = "sudo -n bash -euo pipefail -s"
CONNECTION_FAILED = 255
"""Exit status of ssh itself."""
REFUSALS = ("Permission denied", "Host key verification failed", "bad permissions")
"""Words of OpenSSH for failures that another attempt would repeat."""
PAUSE_SECONDS = 2
NO_SSH = 127
"""Exit status of a shell without the program ssh."""


@dataclass(frozen=True)
class Answer:
    """The result of a script on a host.

    Attributes:
        status: exit status; 255 if ssh itself failed, 127 without a program ssh.
        output: standard output of the script, without output of the login before it, such as that of a .bashrc; may be
            a secret, such as a join token.
        log: standard error of the script and of ssh.
    """

    status: int
    output: str = field(repr=False)
    log: str


async def run_as_root(host: Host, ssh: Ssh, text: str, *, attempts: int = 1) -> Answer:
    """Run bash as root on a host.

    Args:
        host: the machine.
        ssh: how it is reached.
        text: the standard input of bash.
        attempts: how often a connection is tried that the machine does not answer or drops, such as a machine that
            boots, or a bastion with too many logins at once. Each attempt ends within `perDialTimeout`.
    """
    marker = secrets.token_hex(16)
    with _command(host, ssh) as command:
        for attempt in range(1, attempts + 1):
            answer = await _run(command, f"echo {marker}\n{text}")
            is_final = answer.status != CONNECTION_FAILED or any(sign in answer.log for sign in REFUSALS)
            if is_final or attempt == attempts:
                break
            await asyncio.sleep(PAUSE_SECONDS)
    return replace(answer, output=result_of(answer.output.partition(f"{marker}\n")[2]))


async def _run(command: list[str], text: str) -> Answer:
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
    # The output of a machine is its own: it may hold anything.
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
