"""The wait for the mirror ends with its answer, or with an error in words."""

from __future__ import annotations

import http.client
import importlib
import ssl
import time
import urllib.request
from types import SimpleNamespace

import pytest

from local.environment import E2E
from problem import StepError

serve = importlib.import_module("local.mirror.serve")
"""The package has a function of the same name."""

FOUND = SimpleNamespace(username="user", password="password", ca_file=None, web_url="http://192.0.2.1")  # noqa: S106
HALF = [http.client.IncompleteRead(b"{"), http.client.BadStatusLine("SSH-2.0")]
"""Answers of a server that is about to start, or of another program."""


class Opener:
    """An opener of addresses, each of which fails once."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        self.requests = 0

    def open(self, *_: object, **__: object) -> SimpleNamespace:
        """An answer, when the errors are at their end."""
        self.requests += 1
        if self.errors:
            raise self.errors.pop()
        return SimpleNamespace(close=lambda: None)


def wait(opener: Opener, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Wait for a mirror that answers as the opener does."""
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: None)
    monkeypatch.setattr(urllib.request, "build_opener", lambda *_: opener)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(serve, "START_SECONDS", seconds)
    serve._wait_until_it_answers(E2E, FOUND)


def test_half_of_an_answer_is_waited_for_as_no_answer_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both errors are no OSError."""
    opener = Opener([*HALF, ConnectionRefusedError()])
    wait(opener, monkeypatch, 30)
    assert opener.requests == 5


@pytest.mark.parametrize("error", HALF, ids=lambda error: type(error).__name__)
def test_a_mirror_that_answers_by_halves_is_named_at_the_end(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the container to look at."""
    with pytest.raises(StepError, match="podman logs"):
        wait(Opener([error] * 2), monkeypatch, -1)
