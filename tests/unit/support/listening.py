"""A listener on the loopback, in place of an SSH server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Served = Callable[[socket.socket], object]


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
