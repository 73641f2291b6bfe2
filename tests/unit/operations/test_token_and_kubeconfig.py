"""Login tokens and kubeconfigs: what they hold, how long they are valid, and what they leave alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from components.settings.stack_file import parse_settings
from operations import __main__
from operations.access import kubeconfig, token
from operations.access._login_token import seconds_of
from operations.access.api import Api
from problem import StepError
from tests.unit.support import api_server
from tests.unit.support.api_server import ApiServer
from tests.unit.support.stacks import SHOP, smallest

TOKEN_PATH = "/api/v1/namespaces/default/serviceaccounts/reader/token"  # noqa: S105  # a path
TOKEN = "canary-of-the-login-token"  # noqa: S105


class Stack:
    """A stack whose cluster is the recorded one."""

    name, commands = "shop", SHOP

    def __init__(self, server: ApiServer) -> None:
        self.settings = lambda: parse_settings(smallest())
        self.output = lambda _: json.dumps(server.kubeconfig)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """A cluster that makes tokens for two hours, whatever it is asked."""
    with api_server.serving(tmp_path) as running:
        until = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        running.answers[TOKEN_PATH] = (201, {"status": {"token": TOKEN, "expirationTimestamp": until}})
        for module in (token, kubeconfig):
            monkeypatch.setattr(module, "selected_stack", lambda _: Stack(running))
        yield running


def test_a_token_alone_is_on_standard_output_and_its_lifetime_beside_it(
    server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lifetime is what the API server granted, and not what was asked for."""
    assert __main__.main(["token", "shop", "reader", "--duration", "8h"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{TOKEN}\n"
    assert "default/reader: valid for 2 h 0 min, until " in printed.err
    ((method, path, body),) = server.requests
    assert (method, path, body["spec"]) == ("POST", TOKEN_PATH, {"expirationSeconds": 28800})


def test_an_unknown_user_is_answered_with_those_there_are(
    server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is asked of the cluster."""
    assert __main__.main(["token", "shop", "nobody"]) == 1
    assert "saw admin-user, reader" in capsys.readouterr().err
    assert server.requests == []


@pytest.mark.parametrize(("duration", "seconds"), [("10m", 600), ("1h", 3600), ("2d", 172800), ("900s", 900)])
def test_a_duration_is_a_number_with_a_unit(duration: str, seconds: int) -> None:
    """As Kubernetes writes it, and days."""
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize("duration", ["", "1", "9m", "-1h", "1h30m", "forever", "0h"])
def test_a_duration_that_is_none_or_too_short_is_refused(duration: str) -> None:
    """Before the cluster is asked."""
    with pytest.raises(StepError, match="10m or more"):
        seconds_of(duration)


def test_a_kubeconfig_of_a_user_holds_a_token_and_no_key_of_the_stack(server: ApiServer, tmp_path: Path) -> None:
    """It leads to the cluster of the stack."""
    file = tmp_path / "new" / "config"
    assert __main__.main(["kubeconfig", "shop", "--user", "reader", "--file", str(file)]) == 0
    written = yaml.safe_load(file.read_text())
    assert written["users"] == [{"name": "reader@shop", "user": {"token": TOKEN}}]
    assert written["clusters"][0]["name"] == "kubeadm/shop", "no program calls its own cluster so"
    assert written["current-context"] == "reader@shop"
    assert Api.of(file.read_text(), SHOP).server == server.kubeconfig["clusters"][0]["cluster"]["server"]
    assert server.kubeconfig["users"][0]["user"]["client-key-data"] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_user_it_is_the_stacks_own(server: ApiServer, tmp_path: Path) -> None:
    """And no token is made. The name of the context does not change when the stack's user does."""
    file = tmp_path / "config"
    assert __main__.main(["kubeconfig", "shop", "--file", str(file)]) == 0
    written = yaml.safe_load(file.read_text())
    assert written["users"][0]["user"] == server.kubeconfig["users"][0]["user"]
    assert written["current-context"] == "pulumi-kubeadm@shop"
    assert server.requests == []


def test_a_kubeconfig_of_an_older_update_brings_no_program(server: ApiServer, tmp_path: Path) -> None:
    """kubectl would run it as whoever uses the file."""
    file = tmp_path / "config"
    server.kubeconfig["users"][0]["user"]["exec"] = {"command": "canary"}
    assert __main__.main(["kubeconfig", "shop", "--file", str(file)]) == 0
    assert "canary" not in file.read_text()


def test_a_tilde_is_the_home_of_who_runs_it(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind make no shell replaces it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for arguments in ([], ["--file", "~/mine"]):
        assert __main__.main(["kubeconfig", "shop", *arguments]) == 0
    assert (tmp_path / ".kube" / "config").read_text() == (tmp_path / "mine").read_text()


def test_the_home_of_nobody_is_no_path(server: ApiServer) -> None:
    """It is said as any other wrong argument is."""
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["kubeconfig", "shop", "--file", "~nobody-of-this-name/x"])


@pytest.mark.parametrize("status", [{}, {"token": TOKEN}, {"token": TOKEN, "expirationTimestamp": "soon"}, None])
def test_an_answer_without_a_token_is_none(
    server: ApiServer, capsys: pytest.CaptureFixture[str], status: dict[str, str] | None
) -> None:
    """What is in it is not shown."""
    server.answers[TOKEN_PATH] = (201, {"status": status})
    assert __main__.main(["token", "shop", "reader"]) == 1
    printed = capsys.readouterr()
    assert "expected a token and when it expires" in printed.err
    assert TOKEN not in printed.out + printed.err
