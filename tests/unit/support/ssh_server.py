"""An SSH server on loopback, with a host key of its own: `python -m tests.unit.support.ssh_server ADDRESS KEY_FILE`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        address: on loopback.
        port: a free one that the system chose.
        public_key: type and base64, as in known_hosts.
        fingerprint: as ssh-keygen shows it.
    """

    address: str
    port: int
    public_key: str
    fingerprint: str


@contextmanager
def serving(directory: Path, address: str = "127.0.0.1", key_type: str = "ed25519") -> Iterator[Server]:
    """A server with a new key, until the end of the block."""
    key = directory / f"{address}-{key_type}"
    subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", "", "-f", key], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout
    command = [sys.executable, "-m", "tests.unit.support.ssh_server", address, str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            port = process.stdout.readline()
            assert port, "the server did not start"
            public = " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])
            yield Server(address, int(port), public, shown.split()[1])
        finally:
            process.terminate()


async def _serve(address: str, key: str) -> None:
    import asyncssh  # noqa: PLC0415  # its import alone takes longer than the tests that only use this module

    server = await asyncssh.listen(address, 0, server_host_keys=[key])
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2]))
