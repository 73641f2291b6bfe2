"""A listener on the loopback, in place of an SSH server, and the moment when a real one listens."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Served = Callable[[socket.socket], object]
START_SECONDS = 20


@contextmanager
def listening(serve: Served) -> Iterator[tuple[int, list[socket.socket]]]:
    """A port, and its connections, each of which is served once and then stays open."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                accepted.append(connection)
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], accepted
        server.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


def closed_port() -> int:
    """A port on the loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until_listening(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the log of an sshd says that it listens."""
    deadline = time.monotonic() + START_SECONDS
    while not (log.exists() and "Server listening" in log.read_text()):
        logged = log.read_text() if log.exists() else ""
        assert process.poll() is None, logged
        assert time.monotonic() < deadline, logged
        time.sleep(0.05)
