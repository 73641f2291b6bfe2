"""Bash that root runs on a host over the program ssh, with the host key that the stack pins.

Users are the transport of scripts, drift, repair and status, which are no resources. Steps use the command provider.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from components.settings import Bastion, Host, Ssh
from components.steps.connection import host_key_of
from components.steps.result import result_of

RUN_AS_ROOT = "sudo -n bash -euo pipefail -s"
IN_ENGLISH = "env LC_ALL=C env"
"""Begins a command whose errors `explain.py` knows: sudo speaks the language of the machine, and so does the first env
where there is no sudo."""
CONNECTION_FAILED = 255
"""Exit status of ssh itself."""
LASTING_FAILURES = (
    *("Permission denied", "Host key verification failed", "bad permissions"),
    "Too many authentication failures",
)
"""Words of OpenSSH for failures that another attempt would repeat."""
PAUSE_SECONDS = 2
NO_SSH = 127
"""Exit status of a shell without the program ssh."""
NO_SSH_TEXT = "no program ssh in PATH: apt-get install openssh-client"
NO_SCRIPT = 126
"""Exit status of a shell that cannot run a command."""
CUT_OFF = "an answer without its end"
"""Words for a script that succeeded, and whose last line did not arrive: sudo with `log_output` loses the end of a long
answer."""
SILENT = "Connection timed out during banner exchange"
CLOSED = "kex_exchange_identification: Connection closed by remote host"


@dataclass(frozen=True)
class Answer:
    """The result of a script on a host.

    Attributes:
        status: exit status; 255 if ssh itself failed, 127 without a program ssh; never 0 for a script that did not run,
            or whose output lacks its end.
        output: standard output of the script, without the output of a .bashrc before it; may be a secret, such as a
            join token.
        log: standard error of the script and of ssh, and all that a login printed that ran no script.
    """

    status: int
    output: str = field(repr=False)
    log: str


def login_command(host: Host, ssh: Ssh) -> str:
    """The command by which a person logs in to a host, as steps do: with their key, and through their bastion."""
    through = list[str]()
    if ssh.bastion and ssh.private_key_file:  # a jump by -J takes no key of the command
        through = ["-o", f"ProxyCommand={bastion_command(ssh.bastion, ssh)} -W %h:%p"]
    elif ssh.bastion:
        through = ["-J", f"{ssh.bastion.user}@{ssh.bastion.address}:{ssh.bastion.port}"]
    port, user = host.port or ssh.port, host.user or ssh.user
    return shlex.join(["ssh", *through, *_key(ssh), "-p", str(port), f"{user}@{host.address}"])


def bastion_command(bastion: Bastion, ssh: Ssh) -> str:
    """The command by which a person logs in to the bastion."""
    return shlex.join(["ssh", *_key(ssh), "-p", str(bastion.port), f"{bastion.user}@{bastion.address}"])


def _key(ssh: Ssh) -> list[str]:
    return ["-i", str(ssh.private_key_file)] if ssh.private_key_file else []


async def run_as_root(host: Host, ssh: Ssh, text: str, *, attempts: int = 1) -> Answer:
    """Run bash as root on a host.

    Args:
        host: the machine.
        ssh: the SSH settings of the stack.
        text: the standard input of bash.
        attempts: number of connection attempts, for a machine that boots, or a bastion with too many logins at once.
            Each attempt ends within `perDialTimeout`.
    """
    marker = secrets.token_hex(16)
    with _command(host, ssh) as command:
        for attempt in range(1, attempts + 1):
            answer = await _run(command, f"echo {marker}\n{text}\necho {marker}\n")
            is_final = answer.status != CONNECTION_FAILED or any(sign in answer.log for sign in LASTING_FAILURES)
            if is_final or attempt == attempts:
                break
            await asyncio.sleep(PAUSE_SECONDS)
    printed, began, output = answer.output.partition(f"{marker}\n")
    if not began:
        # A command beside the key, as images of clouds have it for root, refuses the login and may still succeed.
        return replace(answer, status=answer.status or NO_SCRIPT, output="", log=f"{printed}{answer.log}")
    output, ended, _ = output.partition(marker)
    if answer.status == 0 and not ended:
        return replace(answer, status=NO_SCRIPT, output="", log=f"{answer.log}{CUT_OFF}")
    return replace(answer, output=result_of(output))


async def silence_of(host: Host, ssh: Ssh, *, attempts: int = 1) -> str:
    """Wait for the greeting of the SSH server of a host; return the error, in words of OpenSSH, or "" after a greeting.

    The host gets no login. Each attempt ends within `perDialTimeout`, for a bastion and for the host.
    """
    for attempt in range(1, attempts + 1):
        seen = await _silence_of(host, ssh)
        if not seen or attempt == attempts or any(sign in seen for sign in LASTING_FAILURES):
            break
        await asyncio.sleep(PAUSE_SECONDS)
    return seen


async def _silence_of(host: Host, ssh: Ssh) -> str:
    greeting = _greeting_through(ssh.bastion, host, ssh) if ssh.bastion else _greeting(host, ssh)
    try:
        async with asyncio.timeout(ssh.per_dial_timeout * (2 if ssh.bastion else 1)):
            return await greeting
    except TimeoutError:
        return SILENT
    except FileNotFoundError:
        return NO_SSH_TEXT
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)


async def _greeting(host: Host, ssh: Ssh) -> str:
    reader, writer = await asyncio.open_connection(str(host.address), host.port or ssh.port)
    try:
        return "" if await _greets(reader) else CLOSED
    finally:
        writer.close()


async def _greeting_through(bastion: Bastion, host: Host, ssh: Ssh) -> str:
    """Wait for the greeting over a connection that the bastion makes."""
    with _known_hosts_file(host, ssh) as known_hosts:
        process = await asyncio.create_subprocess_exec(
            *_through(bastion, f"{host.address}:{host.port or ssh.port}", ssh, known_hosts, level="INFO"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        assert process.stderr
        try:
            if await _greets(process.stdout):
                return ""
            return (await process.stderr.read()).decode(errors="replace").strip() or CLOSED
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def _greets(stream: asyncio.StreamReader) -> bool:
    """True for an SSH server, which may send other lines first: RFC 4253, section 4.2."""
    try:
        await stream.readuntil(b"SSH-")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    return True


async def _run(command: list[str], text: str) -> Answer:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        return Answer(NO_SSH, "", NO_SSH_TEXT)
    output, log = await process.communicate(text.encode())
    # A machine may send any bytes.
    return Answer(process.returncode or 0, output.decode(errors="replace"), log.decode(errors="replace"))


@contextmanager
def _command(host: Host, ssh: Ssh) -> Iterator[list[str]]:
    with _known_hosts_file(host, ssh) as known_hosts:
        yield ["ssh", *_options(ssh, known_hosts), *_destination(host, ssh, known_hosts), f"{IN_ENGLISH} {RUN_AS_ROOT}"]


@contextmanager
def _known_hosts_file(host: Host, ssh: Ssh) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        known_hosts = Path(scratch) / "known_hosts"
        known_hosts.write_text(_known_hosts(host, ssh))
        yield known_hosts


def _options(ssh: Ssh, known_hosts: Path, *, level: str = "ERROR") -> list[str]:
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
        f"LogLevel={level}",
    ]
    key = ["-i", str(ssh.private_key_file), "-o", "IdentitiesOnly=yes"] if ssh.private_key_file else []
    return ["-F", "none", *key, *(part for option in options for part in ("-o", option))]


def _destination(host: Host, ssh: Ssh, known_hosts: Path) -> list[str]:
    port, user = host.port or ssh.port, host.user or ssh.user
    through = []
    if ssh.bastion:
        hop = _through(ssh.bastion, "%h:%p", ssh, known_hosts)
        through = ["-o", f"ProxyCommand={shlex.join(hop)}"]  # ssh passes the text to a shell
    return [*through, "-p", str(port), f"{user}@{host.address}"]


def _through(bastion: Bastion, target: str, ssh: Ssh, known_hosts: Path, *, level: str = "ERROR") -> list[str]:
    """A command whose standard streams are a connection from the bastion to a target.

    The reason why a target cannot be reached is in the log from the level INFO on.
    """
    login = f"{bastion.user}@{bastion.address}"
    return ["ssh", *_options(ssh, known_hosts, level=level), "-W", target, "-p", str(bastion.port), login]


def _known_hosts(host: Host, ssh: Ssh) -> str:
    lines = [_line(str(host.address), host.port or ssh.port, host_key_of(host, ssh))]
    if ssh.bastion:
        lines.append(_line(ssh.bastion.address, ssh.bastion.port, ssh.bastion.host_key))
    return "".join(lines)


def _line(address: str, port: int, key: str) -> str:
    return f"{address if port == 22 else f'[{address}]:{port}'} {key}\n"
