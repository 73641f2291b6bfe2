"""A proxy that records the requests of its clients."""

from __future__ import annotations

import select
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """A running proxy.

    Attributes:
        url: address of the proxy for its clients.
        asked_for: method and destination of each request.
    """

    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def forward_proxy(address: str, hosts: Mapping[str, str]) -> Iterator[ForwardProxy]:
    """A proxy at an address of this host, on any free port, which knows the addresses of some names."""
    started = ForwardProxy("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_CONNECT(self) -> None:
            started.requests.append(f"CONNECT {self.path}")
            name, _, port = self.path.rpartition(":")
            with socket.create_connection((hosts.get(name, name), int(port)), timeout=30) as upstream:
                self.send_response(200)
                self.end_headers()
                _copy_both_ways(self.connection, upstream)

        def do_GET(self) -> None:
            started.requests.append(f"GET {self.path}")
            url = urlsplit(self.path)
            moved = url._replace(netloc=hosts.get(url.hostname or "", url.netloc)).geturl()
            try:
                with urllib.request.urlopen(moved, timeout=30) as answer:
                    content = answer.read()
            except urllib.error.HTTPError as error:
                self.send_error(error.code)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing: a test reads `asked_for`."""

    server = ThreadingHTTPServer((address, 0), Handler)
    started.url = f"http://{address}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield started
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    """Copy the bytes of both connections, until one of them ends."""
    while True:
        readable, _, _ = select.select([one, other], [], [], 60)
        if not readable:
            return
        for source in readable:
            content = source.recv(65536)
            if not content:
                return
            (other if source is one else one).sendall(content)
