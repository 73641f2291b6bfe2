"""One SSH connection to a host of a stack, with the host key that the stack pins."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.settings import Host, Ssh
from components.steps.connection import host_key_of
from components.steps.remote import CREATE
from problem import Problem, StepError

CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """What a script on a host printed.

    Attributes:
        output: its result.
        log: what it says of its work, such as a line for each thing that a step changed.
    """

    output: str
    log: str


def run_as_root(host: Host, ssh: Ssh, text: str) -> Answer:
    """What a bash script prints that root runs on a host.

    Raises:
        StepError: the host does not let us in, or the script failed.
    """
    step = f"{host.name}: run a script over SSH"
    with tempfile.TemporaryDirectory() as scratch:
        known_hosts = Path(scratch) / "known_hosts"
        known_hosts.write_text(_known_hosts(host, ssh))
        arguments = ["ssh", *_options(ssh, known_hosts), *_login(host, ssh, known_hosts), CREATE]
        try:
            finished = subprocess.run(
                # What a machine prints is its own: a log may hold anything.
                arguments,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            next_command = "apt-get install openssh-client"
            raise StepError(
                Problem(step, expected="the program ssh", seen="none in PATH", next_command=next_command)
            ) from error
    if finished.returncode != 0:
        user, port = host.user or ssh.user, host.port or ssh.port
        raise StepError(
            Problem(
                step,
                expected="it to succeed",
                seen=finished.stderr or f"exit status {finished.returncode}",
                next_command=f"ssh -p {port} {user}@{host.address} sudo -n true",
            )
        )
    return Answer(finished.stdout, finished.stderr)


def _options(ssh: Ssh, known_hosts: Path) -> list[str]:
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f'UserKnownHostsFile="{known_hosts}"',
        f"ConnectTimeout={CONNECT_SECONDS}",
        "LogLevel=ERROR",
    ]
    key = ["-i", str(ssh.private_key_file), "-o", "IdentitiesOnly=yes"] if ssh.private_key_file else []
    return ["-F", "none", *key, *(part for option in options for part in ("-o", option))]


def _login(host: Host, ssh: Ssh, known_hosts: Path) -> list[str]:
    port, user = host.port or ssh.port, host.user or ssh.user
    through = []
    if ssh.bastion:
        bastion = ssh.bastion
        login = f"{bastion.user}@{bastion.address}"
        hop = ["ssh", *_options(ssh, known_hosts), "-W", "%h:%p", "-p", str(bastion.port), login]
        through = ["-o", f"ProxyCommand={shlex.join(hop)}"]  # a shell reads it
    return [*through, "-p", str(port), f"{user}@{host.address}"]


def _known_hosts(host: Host, ssh: Ssh) -> str:
    lines = [_line(str(host.address), host.port or ssh.port, host_key_of(host, ssh))]
    if ssh.bastion:
        lines.append(_line(ssh.bastion.address, ssh.bastion.port, ssh.bastion.host_key))
    return "".join(lines)


def _line(address: str, port: int, key: str) -> str:
    return f"{address if port == 22 else f'[{address}]:{port}'} {key}\n"
