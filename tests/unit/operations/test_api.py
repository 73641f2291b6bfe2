"""Requests to the API server use a kubeconfig; a kubeconfig that cannot be used is an error in words."""

from __future__ import annotations

import copy
import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from operations.access.api import Api
from problem import StepError
from tests.unit.support import api_server
from tests.unit.support.api_server import ApiServer
from tests.unit.support.stacks import SHOP

NODES = "/api/v1/nodes"
TOKEN = "canary"  # noqa: S105
RENEW = "raise cluster.certificateGeneration by one in the stack file, then pulumi up --stack shop"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    """A cluster."""
    with api_server.serving(tmp_path) as running:
        yield running


def kubeconfig(server: ApiServer, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
    """That of the server, with other values; None takes one out."""
    changed = copy.deepcopy(server.kubeconfig)
    entry = changed["clusters"][0]["cluster"] | cluster
    changed["clusters"][0]["cluster"] = {name: value for name, value in entry.items() if value is not None}
    if user is not None:
        changed["users"][0]["user"] = user
    return json.dumps(changed)


def api(server: ApiServer) -> Api:
    """Of the stack's user."""
    return Api.of(json.dumps(server.kubeconfig), SHOP)


@pytest.mark.parametrize(
    "answer", [b"<html>a proxy</html>", b"", b"[]", b"\xff", b'{"kind": "Status"}', b'{"items": null}']
)
def test_an_answer_that_is_not_the_api_servers_is_an_error(server: ApiServer, answer: bytes) -> None:
    """With who it may be."""
    server.answers = {NODES: (200, answer)}
    with pytest.raises(StepError, match="expected the answer of a Kubernetes API server") as error:
        api(server).items(NODES)
    assert "/version says who answers there" in error.value.problem.next_command


@pytest.mark.parametrize("content", ["", "a: b", "clusters: []", "{", "users: [{name: secret-of-mine}]", "clusters: 5"])
def test_a_kubeconfig_without_what_is_needed_is_refused_without_repeating_it(content: str) -> None:
    """What is in it may be a key."""
    with pytest.raises(StepError, match="read the kubeconfig") as error:
        Api.of(content, SHOP)
    assert "secret-of-mine" not in str(error.value)


@pytest.mark.parametrize(
    ("cluster", "user", "seen", "next_command"),
    [
        ({}, {"exec": {"command": "aws"}}, "a program that logs the user in (exec)", "make kubeconfig STACK=shop"),
        ({}, {"tokenFile": "/token"}, "the token in another file (tokenFile)", "as token:"),
        ({}, {"client-certificate": "a", "client-key": "b"}, "the user's certificate in another file", "--flatten"),
        ({}, {"client-certificate-data": "YQ==", "client-key": "b"}, "the user's key in another file", "--flatten"),
        ({}, {"username": "jo", "password": "x"}, "a password", "make kubeconfig"),
        ({}, {}, "no token or client certificate", "--flatten"),
        ({}, {"token": "a b"}, "a token that holds blanks", "make kubeconfig"),
        (
            {"certificate-authority-data": None, "insecure-skip-tls-verify": True},
            None,
            "insecure-skip-tls-verify and no authority",
            "kubectl config set-cluster NAME --embed-certs",
        ),
        (
            {"certificate-authority-data": None, "certificate-authority": "ca.crt"},
            None,
            "the authority in another file",
            "--flatten",
        ),
        ({"certificate-authority-data": ""}, None, "no certificate-authority-data", "--flatten"),
        ({"certificate-authority-data": "YQ=="}, None, "a certificate or key that is none", "--flatten"),
    ],
)
def test_a_kubeconfig_that_names_files_or_programs_is_an_error_in_words(
    server: ApiServer, cluster: dict[str, Any], user: dict[str, Any] | None, seen: str, next_command: str
) -> None:
    """Nothing of it is run or read."""
    with pytest.raises(StepError, match="read the kubeconfig") as error:
        Api.of(kubeconfig(server, cluster, user), SHOP)
    assert error.value.problem.seen.startswith(seen)
    assert next_command in error.value.problem.next_command


@pytest.mark.parametrize(
    "url",
    [
        "https://192.0.2.1:port",
        "https://192.0.2.1:99999",
        "https://[::1",
        "https://a..example.com",
        "https://a b",
        "https://",
        "http://192.0.2.1",
        "192.0.2.1:6443",
        5,
    ],
)
def test_a_server_that_cannot_be_asked_is_refused(server: ApiServer, url: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(StepError, match="read the kubeconfig"):
        Api.of(kubeconfig(server, {"server": url}), SHOP)


def test_a_token_may_end_with_a_new_line(server: ApiServer) -> None:
    """As one has that was read from a file."""
    assert Api.of(kubeconfig(server, {}, {"token": f"{TOKEN}\n"}), SHOP).token == TOKEN


def test_an_api_server_with_another_authority_gets_no_token(server: ApiServer, tmp_path: Path) -> None:
    """TLS is checked against the authority of the kubeconfig, and no other."""
    (tmp_path / "other").mkdir()
    with api_server.serving(tmp_path / "other") as other:
        url = other.kubeconfig["clusters"][0]["cluster"]["server"]
        with pytest.raises(StepError, match="certificate verify failed"):
            Api.of(kubeconfig(server, {"server": url}), SHOP).get("/version")
        assert other.requests == []


@pytest.mark.parametrize(
    ("status", "token", "next_command"),
    [
        (403, None, "kubectl auth can-i --list"),
        (401, None, f"if its certificate expired: {RENEW}"),
        (401, "old", "make kubeconfig STACK=shop USER=... makes a new token"),
    ],
)
def test_a_refusal_says_what_to_do(server: ApiServer, status: int, token: str | None, next_command: str) -> None:
    """In the words of the API server, and ours."""
    server.answers[NODES] = (status, {"message": 'nodes is forbidden: User "jo" cannot list'})
    with pytest.raises(StepError) as error:
        replace(api(server), token=token).get(NODES)
    assert error.value.problem.next_command.startswith(next_command)
    assert 'User "jo" cannot list' in str(error.value)


@pytest.mark.parametrize(
    ("why", "next_command"),
    [
        ("certificate verify failed: certificate has expired", RENEW),
        ("sslv3 alert certificate expired", RENEW),
        ("certificate verify failed: unable to get local issuer certificate", "curl --insecure"),
    ],
)
def test_certificates_that_expired_are_renewed(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, why: str, next_command: str
) -> None:
    """No update does it by itself."""

    def fail(*_: object) -> None:
        raise ssl.SSLError(1, why)

    api_client = api(server)
    monkeypatch.setattr(http.client.HTTPSConnection, "request", fail)
    with pytest.raises(StepError, match=why) as error:
        api_client.get(NODES)
    assert error.value.problem.next_command.startswith(next_command)
