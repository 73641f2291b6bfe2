"""Archives of a publisher: the downloaded one is the published one, or none."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.toolchain.download import downloaded, published_digest, unpack
from problem import StepError

NAME = "tool-v1.tar.gz"


class Publisher:
    """A web server with files that a test puts there; `cut` makes it promise more than it sends."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut = False
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = publisher.files.get(self.path.removeprefix("/"))
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                short = publisher.cut and self.path.endswith(NAME)
                self.send_header("Content-Length", str(len(content) + 100 * short))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """A test's output is its own."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def download(self, directory: Path) -> Path | None:
        """The archive, checked against the list."""
        return downloaded(f"{self.address}/{NAME}", f"{self.address}/sums.txt", directory)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """A publisher of one archive with its checksum."""
    publisher = Publisher()
    publisher.files[NAME] = archive_of({"tool/pulumi": b"the program", "tool/other": b"unwanted", "../pulumi-x": b"x"})
    publisher.files["sums.txt"] = f"{'0' * 64}  other.tar.gz\n{digest(publisher.files[NAME])}  ./{NAME}\n".encode()
    thread = threading.Thread(target=publisher.server.serve_forever)
    thread.start()
    yield publisher
    publisher.server.shutdown()
    thread.join()
    publisher.server.server_close()


def archive_of(files: dict[str, bytes]) -> bytes:
    """A gzipped tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def digest(content: bytes) -> str:
    """As sha256sum prints it."""
    return hashlib.sha256(content).hexdigest()


def test_an_archive_with_the_published_checksum_is_unpacked(publisher: Publisher, tmp_path: Path) -> None:
    """Only what is wanted, into one directory, whatever paths the archive has."""
    archive = publisher.download(tmp_path)
    assert archive is not None
    into = tmp_path / "into"
    into.mkdir()
    assert unpack(archive, ("pulumi", "pulumi-x", "missing"), into) == ["pulumi", "pulumi-x"]
    assert sorted(path.name for path in into.iterdir()) == ["pulumi", "pulumi-x"]
    assert (into / "pulumi").read_bytes() == b"the program"
    assert os.access(into / "pulumi", os.X_OK)


def test_an_archive_with_another_checksum_is_refused_and_deleted(publisher: Publisher, tmp_path: Path) -> None:
    """It is an error, not a reason to build: someone answers in the publisher's place."""
    publisher.files[NAME] += b"more"
    with pytest.raises(StepError, match=NAME) as raised:
        publisher.download(tmp_path)
    assert digest(publisher.files[NAME]) == raised.value.problem.seen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", [NAME, "sums.txt"])
def test_what_is_not_published_is_built(publisher: Publisher, tmp_path: Path, missing: str) -> None:
    """An archive without its checksum is as good as none."""
    del publisher.files[missing]
    assert publisher.download(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(publisher: Publisher, tmp_path: Path) -> None:
    """Where the server promised more than it sent."""
    publisher.cut = True
    assert publisher.download(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_publisher_that_cannot_be_reached_is_no_error(tmp_path: Path) -> None:
    """The next way is taken."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert downloaded(f"{address}/{NAME}", f"{address}/sums.txt", tmp_path) is None
    assert downloaded(f"https://host.invalid/{NAME}", "https://host.invalid/sums.txt", tmp_path) is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"{'A' * 64}  {NAME}", "a" * 64),
        (f"{'a' * 64} *{NAME}", "a" * 64),
        (f"{'a' * 128}  ./{NAME}", "a" * 128),
        (f"{'a' * 40}  {NAME}", None),
        (f"{'a' * 64}  x-{NAME}", None),
        ("<html>please log in</html>", None),
        ("", None),
    ],
)
def test_a_checksum_is_read_from_what_sha256sum_writes(line: str, found: str | None) -> None:
    """SHA-1 is not enough."""
    assert published_digest(line, NAME) == found
