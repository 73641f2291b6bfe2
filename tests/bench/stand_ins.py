"""Stand-in machines: one OpenSSH server, in a network namespace of its own, on every address of 10.200.0.0/16.

Every login runs tests/bench/stand_in.sh, which prints the output of a cluster's steps and changes nothing.
"""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local.debian import install_packages
from tests.unit.support.listening import wait_until_listening

NETWORK = "10.200.0.0/16"
SSHD = "/usr/sbin/sshd"
STAND_IN = Path(__file__).with_name("stand_in.sh")
START_SECONDS = 10
CERTIFICATES = (
    *("apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "ca", "front-proxy-ca", "front-proxy-client"),
    *("etcd/ca", "etcd/healthcheck-client", "etcd/peer", "etcd/server"),
    *("admin.conf", "controller-manager.conf", "scheduler.conf"),
)


@dataclass(frozen=True)
class StandIns:
    """Running stand-in machines.

    Attributes:
        inside: prefix of a command line that reaches the machines.
        private_key: file of the private key of every machine.
        agent: socket of an SSH agent that has this key.
        host_key: SSH host key of every machine.
        log: log file of the SSH server.
    """

    inside: tuple[str, ...]
    private_key: Path
    agent: Path
    host_key: str
    log: Path

    def logins(self) -> int:
        """Number of logins so far."""
        return self.log.read_text().count("Accepted publickey")


def address(number: int) -> str:
    """Address of a machine by its number, from 1 on."""
    return f"10.200.{number // 250}.{number % 250 + 1}"


@contextmanager
def stand_ins(*, step_seconds: float = 0) -> Iterator[StandIns]:
    """Stand-in machines until the end of the block, whose steps last some seconds; root is needed."""
    install_packages(["openssh-server", "iproute2"], why="for the stand-in machines of the bench")
    with tempfile.TemporaryDirectory() as scratch, _namespace(f"bench-{os.getpid()}") as inside:
        directory = Path(scratch)
        for key in ("host", "login"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key], check=True)
        _write_answers(directory / "answers")
        configuration, log = directory / "sshd_config", directory / "sshd.log"
        configuration.write_text(_server_configuration(directory, step_seconds))
        with subprocess.Popen([*inside, SSHD, "-D", "-f", configuration, "-E", log]) as process:
            try:
                wait_until_listening(process, log)
                host_key = " ".join((directory / "host.pub").read_text().split()[:2])
                with _agent(directory / "agent", directory / "login") as agent:
                    yield StandIns(inside, directory / "login", agent, host_key, log)
            finally:
                process.terminate()


@contextmanager
def _agent(socket: Path, key: Path) -> Iterator[Path]:
    """The socket of an SSH agent with a key, until the end of the block."""
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
            # The socket exists before the agent listens on it, for long on a busy host.
            while subprocess.run(["ssh-add", "-q", key], check=False, env=environment).returncode != 0:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield socket
        finally:
            process.terminate()


@contextmanager
def _namespace(name: str) -> Iterator[tuple[str, ...]]:
    """A network namespace in which every address of NETWORK is this host; its processes are killed at the end."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for setting in (["link", "set", "lo", "up"], ["route", "add", "local", NETWORK, "dev", "lo"]):
            subprocess.run(["ip", "-netns", name, *setting], check=True)
        yield ("ip", "netns", "exec", name)
    finally:
        inside = subprocess.run(["ip", "netns", "pids", name], check=True, capture_output=True, text=True).stdout
        for process in inside.split():
            with suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", name], check=True)


def _server_configuration(directory: Path, step_seconds: float) -> str:
    """Configuration of sshd, with a single key exchange and no PAM: logins should cost this host little."""
    Path("/run/sshd").mkdir(exist_ok=True)
    lines = (
        "ListenAddress 0.0.0.0:22",
        f"HostKey {directory}/host",
        f"AuthorizedKeysFile {directory}/login.pub",
        f"ForceCommand {STAND_IN} {directory}/answers {step_seconds:g}",
        "KexAlgorithms curve25519-sha256",
        "MaxStartups 10000",
        "PermitRootLogin yes",
        "PidFile none",
        # The shell of a login reads ~/.bashrc at level 1 only, and a .bashrc of this host may take half a second.
        "SetEnv SHLVL=1",
        "StrictModes no",
        "UseDNS no",
        "UsePAM no",
    )
    return "".join(f"{line}\n" for line in lines)


def _write_answers(directory: Path) -> None:
    """Write the output of steps, as long as real output: kubeadm's keys have 2048 bits."""
    directory.mkdir()
    certificate, key = _pem("CERTIFICATE", 800), _pem("RSA PRIVATE KEY", 1190)
    (directory / "init").write_text("".join(f"certificate {name} 2100-01-01\n" for name in CERTIFICATES))
    (directory / "kubeconfig").write_text(
        "# expires 2100-01-01\napiVersion: v1\nkind: Config\nclusters:\n- name: cluster\n  cluster:\n"
        f"    server: https://{address(1)}:6443\n    certificate-authority-data: {certificate}\n"
        "users:\n- name: kubernetes-admin\n  user:\n"
        f"    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        "contexts:\n- name: only\n  context:\n    cluster: cluster\n    user: kubernetes-admin\n"
        "current-context: only\n"
    )
    (directory / "membership").write_text("abcdef.0123456789abcdef")


def _pem(kind: str, size: int) -> str:
    """A PEM block of random bytes in base64, as kubeconfigs hold it."""
    block = f"-----BEGIN {kind}-----\n{base64.encodebytes(secrets.token_bytes(size)).decode()}-----END {kind}-----\n"
    return base64.b64encode(block.encode()).decode()
