"""A load balancer of the owner's, on this host, before the API servers that are ready."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

LOOK_SECONDS = 1
PATIENCE_SECONDS = 3
READY = b"GET /readyz HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """Hands connections on, by turns; one that is refused goes to the next API server.

    Attributes:
        port: where it listens, at each address of this host.
        port_behind: where API servers listen.
        behind: addresses of the control planes, which may change.
        ready: those that said so at the last look.
    """

    def __init__(self, port: int, behind: Sequence[str], port_behind: int = 6443) -> None:
        self.port, self.port_behind = port, port_behind
        self.behind, self.ready = list(behind), list[str]()
        self._turn = 0
        self._trust = ssl.create_default_context()
        self._trust.check_hostname, self._trust.verify_mode = False, ssl.CERT_NONE

    async def serve(self, listens: threading.Event, ends: threading.Event) -> None:
        """Serve until the end, which cuts the connections that are left."""
        server = await asyncio.start_server(self._connect, "0.0.0.0", self.port)  # noqa: S104 (machines ask, too)
        listens.set()
        while not ends.is_set():
            listed = list(self.behind)
            states = await asyncio.gather(*(self._is_ready(address) for address in listed))
            self.ready = [address for address, is_ready in zip(listed, states, strict=True) if is_ready]
            await asyncio.sleep(LOOK_SECONDS)
        server.close()

    async def _is_ready(self, address: str) -> bool:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS), self._connected(address, self._trust) as (reader, writer):
                writer.write(READY)
                return b" 200 " in await reader.readline()
        return False

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Where none is ready, as before the first init, each gets requests.
        choice = [each for each in self.ready if each in self.behind] or list(self.behind)
        self._turn += 1
        first = self._turn % len(choice)
        try:
            for address in [*choice[first:], *choice[:first]]:
                with suppress(OSError, TimeoutError, asyncio.CancelledError):
                    async with self._connected(address) as (there, back):
                        await asyncio.gather(_copy(reader, back), _copy(there, writer))
                        return
        finally:
            writer.close()

    @asynccontextmanager
    async def _connected(self, address: str, trust: ssl.SSLContext | None = None) -> AsyncIterator[Connection]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(address, self.port_behind, ssl=trust)
        try:
            yield reader, writer
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on until one side ends, and then end the other."""
    with suppress(OSError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@contextmanager
def balancing(made: Balancer) -> Iterator[Balancer]:
    """The load balancer runs beside the block."""
    listens, ends = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(listens, ends)))
    thread.start()
    try:
        assert listens.wait(10), f"port {made.port} of this host is taken"
        yield made
    finally:
        ends.set()
        thread.join()
