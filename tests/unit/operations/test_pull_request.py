"""A pull request has one comment per stack, which later previews bring up to date."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from operations import __main__ as operations
from operations.preview._comment import LIMIT
from operations.preview._github import PullRequest
from problem import StepError
from tests.unit.operations.test_preview_comment import pulumi
from tests.unit.support.fake_pulumi import FakePulumi, summary

__all__ = ["pulumi"]

MARKER = "<!-- preview of stack shop -->"


class GitHub:
    """The part of GitHub's REST API that knows comments, on loopback."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.refusal: int | None = None
        self.login = "github-actions[bot]"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pull_request(self) -> PullRequest:
        """Number 7 of example/shop."""
        return PullRequest(self.address, f"{self.address}/graphql", "example/shop", 7, "hunter2")

    def answer(self, method: str, path: str, content: Any) -> tuple[int, Any]:
        """Status and answer to a request."""
        if self.refusal:
            return self.refusal, {"message": "Resource not accessible by integration"}
        if (method, path) == ("POST", "/graphql"):
            assert content == {"query": "query { viewer { login } }"}
            return 200, {"data": {"viewer": {"login": self.login}}} if self.login else {"errors": ["Bad credentials"]}
        collection, _, query = path.partition("?")
        if method == "GET" and collection == "/repos/example/shop/issues/7/comments":
            values = dict(pair.split("=") for pair in query.split("&"))
            start = (int(values["page"]) - 1) * int(values["per_page"])
            return 200, self.comments[start : start + int(values["per_page"])]
        if method == "POST" and collection == "/repos/example/shop/issues/7/comments":
            author = {"user": {"login": self.login}, "html_url": "https://example.com/new"}
            self.comments.append({"id": len(self.comments) + 1, **content, **author})
            return 201, self.comments[-1]
        number = int(collection.removeprefix("/repos/example/shop/issues/comments/"))
        self.comments[number - 1].update(content)
        return 200, self.comments[number - 1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        github = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = json.loads(self.rfile.read(length)) if length else None
                github.requests.append((self.command, self.path, self.headers.get("Authorization")))
                status, answer = github.answer(self.command, self.path, content)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815  # the names that the server calls

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        return Handler


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A stand-in that listens."""
    with GitHub() as server:
        yield server


@pytest.fixture
def job(github: GitHub, pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    """The stand-in, in the environment of a job; that of the fake of Pulumi has no variable of one."""
    monkeypatch.setenv("GITHUB_API_URL", github.address)
    monkeypatch.delenv("GITHUB_GRAPHQL_URL", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/shop")
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    return github


def others(number: int) -> list[dict[str, Any]]:
    """Comments of other people."""
    return [
        {"id": each + 1, "user": {"login": "jo"}, "body": f"I read {MARKER}", "html_url": "https://example.com/old"}
        for each in range(number)
    ]


def test_the_first_preview_is_a_new_comment(github: GitHub) -> None:
    """With the token as a header and nowhere else."""
    github.comments = others(2)
    assert github.pull_request().write(MARKER, f"{MARKER}\nfirst") == "https://example.com/new"
    assert [each["body"] for each in github.comments[2:]] == [f"{MARKER}\nfirst"]
    assert {token for _, _, token in github.requests} == {"Bearer hunter2"}
    assert not any("hunter2" in path for _, path, _ in github.requests)


def test_later_previews_bring_the_comment_up_to_date_however_many_there_are(github: GitHub) -> None:
    """It is found on a later page too."""
    github.comments = others(100)
    github.pull_request().write(MARKER, f"{MARKER}\nfirst")
    github.pull_request().write(MARKER, f"{MARKER}\nsecond")
    assert len(github.comments) == 101
    assert github.comments[100]["body"] == f"{MARKER}\nsecond"


@pytest.mark.parametrize("author", [{"login": "mallory"}, {"login": "github-actions"}, {}, None])
def test_a_comment_of_somebody_else_is_left_alone(github: GitHub, author: dict[str, str] | None) -> None:
    """Its author could edit the plan in it afterwards; a deleted author is none."""
    stranger = {"id": 1, "user": author, "body": f"{MARKER}\nmine", "html_url": "https://example.com/old"}
    github.comments = [dict(stranger)]
    for text in ("first", "second"):
        assert github.pull_request().write(MARKER, f"{MARKER}\n{text}") == "https://example.com/new"
    assert github.comments[0] == stranger
    assert [each["body"] for each in github.comments[1:]] == [f"{MARKER}\nsecond"]


def test_a_token_without_a_login_writes_nothing(github: GitHub) -> None:
    """Which comment is its own is not known."""
    github.login = ""
    with pytest.raises(StepError, match="no login of the token") as error:
        github.pull_request().write(MARKER, MARKER)
    assert "hunter2" not in str(error.value) + repr(github.pull_request())
    assert github.comments == []


def test_a_refusal_says_which_permission_is_missing_and_not_the_token(github: GitHub) -> None:
    """The job's log is read by many."""
    github.refusal = 403
    with pytest.raises(StepError, match="comment on pull request 7 of example/shop") as error:
        github.pull_request().write(MARKER, MARKER)
    assert "status 403" in str(error.value)
    assert "Resource not accessible by integration" in str(error.value)
    assert "pull-requests: write" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_an_api_that_cannot_be_reached_is_named() -> None:
    """As where there is no way out."""
    with GitHub() as gone:
        pull_request = gone.pull_request()
    with pytest.raises(StepError, match="comment on pull request 7") as error:
        pull_request.write(MARKER, MARKER)
    assert f"see whether {pull_request.api} can be reached" in str(error.value)


LOGIN = {"data": {"viewer": {"login": "github-actions[bot]"}}}


def raw(*answers: bytes) -> tuple[PullRequest, threading.Thread]:
    """A pull request at a server that sends these bytes, one answer a connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def answer_all() -> None:
        with listening:
            for each in answers:
                connection, _ = listening.accept()
                with connection, connection.makefile("rb") as request:
                    length = 0
                    while (line := request.readline()) not in {b"\r\n", b""}:
                        name, _, value = line.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    request.read(length)
                    connection.sendall(each)

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()
    return PullRequest(address, f"{address}/graphql", "example/shop", 7, "hunter2"), thread


def answer_with(content: bytes, *, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    """Bytes of an answer, which ends before its length where that is more."""
    size = len(content) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, size, content)


@pytest.mark.parametrize(
    "answers",
    [
        [answer_with(b"{", length=100)],
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [answer_with(b"<html>log in</html>")],
        [answer_with(b"\xff\xfe")],
        [answer_with(b"", status=b"502 Bad Gateway", length=100)],
        [answer_with(json.dumps(LOGIN).encode()), answer_with(b'{"message": "no list"}')],
        [answer_with(json.dumps(LOGIN).encode()), answer_with(b"[]"), answer_with(b"[]")],
    ],
    ids=["half", "no HTTP", "page", "no text", "half of a refusal", "no list of comments", "no comment"],
)
def test_an_answer_that_is_none_is_an_error_in_words(answers: list[bytes]) -> None:
    """A proxy, or a connection that breaks, answers in the API's place; a traceback would tell nothing."""
    pull_request, server = raw(*answers)
    with pytest.raises(StepError, match="comment on pull request 7 of example/shop") as error:
        pull_request.write(MARKER, MARKER)
    server.join(timeout=10)
    assert "saw " in str(error.value)
    assert "hunter2" not in str(error.value)


def test_the_command_writes_what_fits_and_prints_everything(
    job: GitHub, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is cut off on the pull request is in the job's log."""
    pulumi.set_output([summary(update=1)], "\n".join(f"line {number}" for number in range(20_000)))
    assert operations.main(["preview-comment", "shop", "--post", "7"]) == 0
    (comment,) = job.comments
    assert comment["body"].startswith(MARKER)
    assert len(comment["body"]) <= LIMIT
    output = capsys.readouterr()
    assert "line 19999" in output.out
    assert "Written to https://example.com/new" in output.err
    assert "hunter2" not in output.out + output.err + comment["body"]
    assert all("GITHUB_TOKEN" not in call["environment"] for call in pulumi.calls())


def test_nothing_is_written_unless_it_is_asked_for(
    job: GitHub, pulumi: FakePulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token in the environment is no order."""
    assert operations.main(["preview-comment", "shop"]) == 0
    assert job.requests == []


def test_without_a_token_the_missing_variable_is_named(
    pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The preview is printed all the same."""
    assert operations.main(["preview-comment", "shop", "--post", "7"]) == 1
    output = capsys.readouterr()
    assert "GITHUB_TOKEN" in output.err
    assert "### Preview of `shop`" in output.out
