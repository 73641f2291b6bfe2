"""Charts of OCI registries: what they answer, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from tests.unit.support.file_server import Answer, FileServer, serving_files
from tests.unit.support.hub import ARCHIVE_TYPE, BLOBS, IMAGE_TYPE, MANIFEST, Hub, gives_tokens


def test_a_chart_of_a_registry_is_fetched_once(hub: Hub) -> None:
    """By its version and its checksum; then the registry may be out of reach."""
    assert "Deployment:db/db-server" in hub.names()
    assert [path for path, _ in hub.server.requests] == [MANIFEST, BLOBS + hub.sha256]
    hub.server.answers.clear()
    assert "Deployment:db/db-server" in hub.names()


def test_a_plus_in_a_version_is_an_underscore_in_a_registry(hub: Hub) -> None:
    """A tag has no `+`."""
    hub.server.answers["/v2/charts/shop/manifests/1.2.3_1"] = hub.server.answers[MANIFEST]
    assert hub.names(version="1.2.3+1")


def test_an_index_may_name_the_chart_of_a_registry(hub: Hub, directory: Path) -> None:
    """As those of makers who moved to one."""
    entry = {"version": "1.2.3", "urls": [f"oci://{hub.server.host}/charts/shop:1.2.3"]}
    (directory / "index.yaml").write_text(yaml.safe_dump({"entries": {"shop": [entry]}}))
    assert hub.names(repository=directory.as_uri())


@pytest.mark.parametrize("member", ["token", "access_token"])
def test_a_registry_gives_a_token_to_anybody(hub: Hub, elsewhere: FileServer, member: str) -> None:
    """As public registries do; the token is for the registry alone."""
    gives_tokens(hub, elsewhere, content=json.dumps({member: "t0ken"}).encode())
    assert hub.names()
    assert elsewhere.requests == [("/token?scope=repository%3Acharts%2Fshop%3Apull&service=hub", None)]
    assert hub.server.logins == {"Bearer t0ken"}


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"token": 1}', b'{"token": "a b"}', b"{}"])
def test_what_is_no_token_is_refused(hub: Hub, content: bytes) -> None:
    """No header is made of it."""
    gives_tokens(hub, hub.server, content=content)
    assert "expected a token" in hub.refusal()


def test_the_digest_of_a_manifest_is_distinguished_from_that_of_the_archive(hub: Hub) -> None:
    """`helm pull` prints the one, and the stack file has the other."""
    right, hub.sha256 = hub.sha256, hashlib.sha256(hub.manifest).hexdigest()
    assert f"set sha256 to {right}, which `sha256sum` prints" in hub.refusal()


def test_another_archive_is_refused_before_it_is_fetched(hub: Hub) -> None:
    """Somebody pushed another one under the version."""
    hub.sha256, seen = "0" * 64, hub.sha256
    assert f"expected sha256 {'0' * 64},\n  saw {seen}" in hub.refusal()
    assert [path for path, _ in hub.server.requests] == [MANIFEST]


def test_an_archive_that_is_another_one_than_its_manifest_says_is_refused(hub: Hub) -> None:
    """Whoever stores blobs need not be who signs for the registry."""
    hub.server.answers[BLOBS + hub.sha256] = Answer(hub.chart + b"x")
    assert f"expected sha256 {hub.sha256}" in hub.refusal()


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"layers": [{"mediaType": 1}]}', b'{"layers": []}'])
def test_what_is_no_manifest_of_a_chart_is_refused(hub: Hub, content: bytes) -> None:
    """Such as the page of a proxy, or an image."""
    hub.server.answers[MANIFEST] = Answer(content)
    assert "expected the manifest of a chart" in hub.refusal()
    hub.server.answers[MANIFEST] = Answer(hub.manifest.replace(ARCHIVE_TYPE.encode(), IMAGE_TYPE.encode()))
    assert "saw another one, as of an image" in hub.refusal()


@pytest.mark.parametrize("path", [MANIFEST, BLOBS])
def test_an_answer_that_is_cut_off_is_refused(hub: Hub, path: str) -> None:
    """As a proxy ends a large one."""
    whole = path if path == MANIFEST else path + hub.sha256
    hub.server.answers[whole] = Answer(hub.server.answers[whole].content, is_cut_off=True)
    assert f"{whole} to be readable" in hub.refusal()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_chart_that_a_registry_does_not_give_is_refused_with_what_to_correct(hub: Hub, status: int) -> None:
    """Many say of a chart that is not there what they say of one that wants a login."""
    hub.server.answers[MANIFEST] = Answer(status=status)
    problem = hub.refusal()
    assert f"saw HTTP Error {status}" in problem
    assert "correct `repository`, `name` or `version`" in problem


def test_another_failure_of_a_registry_is_named_as_it_is(hub: Hub) -> None:
    """It may be right the next time."""
    hub.server.answers[MANIFEST] = Answer(status=503)
    assert f"{MANIFEST} to be readable,\n  saw HTTP Error 503" in hub.refusal()


def test_an_authority_that_is_not_trusted_is_refused(hub: Hub) -> None:
    """That of the stack is."""
    hub.access = {}
    assert "certificate verify failed" in hub.refusal()


@pytest.mark.usefixtures("hub")
def test_a_registry_may_be_one_over_plain_http(directory: Path) -> None:
    """It is its own mirror, as hosts reach it, and has no login; the checksum proves the chart."""
    with serving_files(directory, is_plain=True) as server:
        plain = Hub(server, directory)
        plain.access = {"mirrors": [f"http://{server.host}"]}
        assert plain.names()
