"""SSH host keys, read from machines."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import dataclass

from problem import StepError

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
"""Types of keys in order of preference. `ssh-rsa` would ask for signatures with SHA-1, which servers refuse."""

ANSWER_SECONDS = 5


@dataclass(frozen=True)
class HostKey:
    """A public key of a machine.

    Attributes:
        type: as in known_hosts, such as `ssh-ed25519`.
        key: in base64.
    """

    type: str
    key: str

    def __str__(self) -> str:
        """The key in the form of a stack file."""
        return f"{self.type} {self.key}"

    @property
    def fingerprint(self) -> str:
        """The fingerprint in the form of ssh and ssh-keygen."""
        digest = hashlib.sha256(base64.b64decode(self.key)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def read_host_key(host: str, address: str, port: int) -> HostKey:
    """The public key that a machine presents; a person has to verify its fingerprint.

    Args:
        host: name of the host, for the error.
        address: address of the SSH server.
        port: port of the SSH server.

    Raises:
        StepError: no SSH server answers, or the server has no key of a supported type.
    """
    step, command = f"{host}: read the SSH host key", ["ssh-keyscan", "-T", str(ANSWER_SECONDS), "-p", str(port)]
    try:
        found = subprocess.run(
            [*command, "-t", "ed25519,ecdsa", "--", address], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise StepError(
            step, expected="the program ssh-keyscan", seen=str(error), next_command="apt-get install openssh-client"
        ) from error
    lines = [line.split() for line in found.stdout.splitlines() if not line.startswith("#")]
    keys = {words[1]: HostKey(words[1], words[2]) for words in lines if len(words) == 3}
    for key_type in KEY_TYPES:
        if key_type in keys:
            return keys[key_type]
    raise StepError(
        step,
        expected=f"an SSH server with an Ed25519 or ECDSA key at {address}, port {port}",
        # What a server says of itself, and not of its keys, stands behind a "#".
        seen="\n".join(line for line in found.stderr.splitlines() if not line.startswith("#"))
        # ssh-keyscan prints nothing about a connection that is refused.
        or f"no answer within {ANSWER_SECONDS} seconds, or a refused connection",
        next_command=f"see whether `ssh -p {port} {address}` answers; for machines behind a bastion, run"
        " ssh-keyscan there and write the stack file as Pulumi.staging.yaml is",
    )
