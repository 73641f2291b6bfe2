"""An API server on loopback, with TLS and recorded answers, and the kubeconfig of a user with a certificate."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answers = dict[str, tuple[int, Any]]


@dataclass
class ApiServer:
    """A server that runs.

    Attributes:
        kubeconfig: of the stack's user, as kubeadm writes it.
        answers: status and JSON by path, without the query; any other path is 404. Bytes are sent as they are.
        silent: paths whose connection ends without an answer.
        requests: method, path and body of each request.
    """

    kubeconfig: dict[str, Any]
    answers: Answers = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)


def certificate_of_loopback(directory: Path) -> tuple[Path, Path]:
    """A new key and its certificate, for servers at 127.0.0.1."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subject = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*command, *subject, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """A server that answers in a thread of its own, until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(directory: Path) -> Iterator[ApiServer]:
    """A server that lets in only whoever has its certificate, until the end of the block."""
    key, certificate = certificate_of_loopback(directory)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    authority = base64.b64encode(certificate.read_bytes()).decode()
    url = f"https://127.0.0.1:{server.server_port}"
    user = {"client-certificate-data": authority, "client-key-data": base64.b64encode(key.read_bytes()).decode()}
    found = ApiServer(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "k", "cluster": {"server": url, "certificate-authority-data": authority}}],
            "users": [{"name": "pulumi-kubeadm:provider:0a1b2c3d", "user": user}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "pulumi-kubeadm:provider:0a1b2c3d"}}],
            "current-context": "c",
        }
    )
    _Handler.api = found
    with running(server):
        yield found


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.api.requests.append((self.command, self.path, body))
        if self.path.partition("?")[0] in self.api.silent:
            self.close_connection = True
            return
        status, content = self.api.answers.get(self.path.partition("?")[0], (404, {"message": "not recorded"}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

    do_GET = do_POST = _answer  # noqa: N815  # names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as in the class above
        """The test says what it wants to know."""
