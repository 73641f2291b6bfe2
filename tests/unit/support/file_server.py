"""Servers of files on loopback, with TLS: a registry, a repository of charts, and where a redirect leads."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.unit.support.api_server import certificate_of_loopback, running


@dataclass(frozen=True)
class Answer:
    """The answer of a path.

    Attributes:
        needs: the header `Authorization` without which it answers 401, with `challenge`.
        is_cut_off: the connection ends before the content does.
    """

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    challenge: str = ""
    is_cut_off: bool = False


@dataclass
class FileServer:
    """A server that runs.

    Attributes:
        host: its address and port.
        authority: its certificate.
        answers: by path, without the query; any other path is 404.
        requests: path with its query, and header `Authorization`, of each request.
    """

    host: str
    authority: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def logins(self) -> set[str]:
        """The logins and tokens that it got."""
        return {authorization for _, authorization in self.requests if authorization}


@contextmanager
def serving_files(directory: Path, *, is_plain: bool = False) -> Iterator[FileServer]:
    """A server until the end of the block; servers of one directory have one certificate."""
    key, authority = directory / "key.pem", directory / "certificate.pem"
    if not authority.exists():
        certificate_of_loopback(directory)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    found = FileServer(f"127.0.0.1:{server.server_port}", authority)
    server.RequestHandlerClass = type("_Own", (_Handler,), {"files": found})
    if not is_plain:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(authority, key)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield found


class _Handler(BaseHTTPRequestHandler):
    files: FileServer

    def do_GET(self) -> None:  # a name that http.server looks for
        authorization = self.headers.get("Authorization")
        self.files.requests.append((self.path, authorization))
        answer = self.files.answers.get(self.path.partition("?")[0], Answer(status=404))
        if answer.needs and authorization != answer.needs:
            answer = Answer(status=401, headers={"WWW-Authenticate": answer.challenge})
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content) + answer.is_cut_off))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """The test says what it wants to know."""
