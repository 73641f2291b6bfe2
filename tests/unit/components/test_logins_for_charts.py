"""Logins with which charts and manifests are fetched: for the host of a registry, and for no other one."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.addons import charts, manifests
from operations.stack.stacks import SelectedStack
from tests.unit.support.file_server import Answer, FileServer
from tests.unit.support.hub import BLOBS, CANARY, LOGIN, MANIFEST, Hub, gives_tokens, has_login
from tests.unit.support.recording import PASSWORD, record
from tests.unit.support.stacks import full, smallest


def test_the_login_of_the_stack_goes_to_the_registry_and_its_server_of_tokens(hub: Hub, elsewhere: FileServer) -> None:
    """A token is asked for with it, or the registry itself."""
    has_login(hub)
    gives_tokens(hub, elsewhere, needs=LOGIN)
    assert hub.names()
    assert (elsewhere.logins, hub.server.logins) == ({LOGIN}, {"Bearer t0ken"})


def test_the_login_of_the_stack_goes_to_a_registry_without_tokens(hub: Hub) -> None:
    """Once it says that it wants one."""
    has_login(hub)
    hub.answer(needs=LOGIN, challenge='Basic realm="hub"')
    assert hub.names()
    assert hub.server.requests[0] == (MANIFEST, None)


def test_no_login_follows_a_redirect(hub: Hub, elsewhere: FileServer) -> None:
    """Blobs are often in a store of somebody else, which may even say that it wants one."""
    has_login(hub)
    hub.answer(needs=LOGIN, challenge="Basic")
    elsewhere.answers["/blob"] = Answer(hub.chart)
    to_blob = {"Location": f"https://{elsewhere.host}/blob"}
    hub.server.answers[BLOBS + hub.sha256] = Answer(status=307, headers=to_blob, needs=LOGIN)
    assert hub.names()
    assert elsewhere.requests == [("/blob", None)]


def test_a_server_to_which_a_redirect_led_gets_no_login_and_names_no_server_of_tokens(
    hub: Hub, elsewhere: FileServer
) -> None:
    """It is not the registry of the stack."""
    has_login(hub)
    hub.server.answers[MANIFEST] = Answer(status=307, headers={"Location": f"https://{elsewhere.host}/manifest"})
    challenge = f'Bearer realm="https://{elsewhere.host}/token"'
    elsewhere.answers["/manifest"] = Answer(needs=LOGIN, challenge=challenge)
    assert "saw HTTP Error 401" in hub.refusal()
    assert elsewhere.requests == [("/manifest", None)]


@pytest.mark.parametrize("realm", ["http://127.0.0.1:9/token", "file:///etc/passwd", ""])
def test_a_server_of_tokens_without_tls_gets_no_login(hub: Hub, realm: str) -> None:
    """Nor is a file one."""
    has_login(hub)
    hub.answer(needs="Bearer t0ken", challenge=f'Bearer realm="{realm}",service="hub"')
    assert "saw HTTP Error 401" in hub.refusal()
    assert not hub.server.logins


@pytest.mark.parametrize("place", ["charts", "other"])
def test_a_repository_gets_the_login_of_its_host_and_no_other_host_does(
    hub: Hub, elsewhere: FileServer, place: str
) -> None:
    """An index may name an archive anywhere."""
    has_login(hub)
    hub.scheme, server = "https", hub.server if place == "charts" else elsewhere
    entry = {"version": "1.2.3", "urls": [f"https://{server.host}/{place}/shop.tgz"]}
    index = yaml.safe_dump({"entries": {"shop": [entry]}}).encode()
    hub.server.answers["/charts/index.yaml"] = Answer(index, needs=LOGIN)
    server.answers[f"/{place}/shop.tgz"] = Answer(hub.chart, needs=LOGIN if place == "charts" else "")
    if place == "other":
        assert "certificate verify failed" in hub.refusal(), "another host has another authority, too"
        assert not elsewhere.requests
    else:
        assert hub.names()
        assert hub.server.requests == [("/charts/index.yaml", LOGIN), ("/charts/shop.tgz", LOGIN)]


def test_a_manifest_gets_the_login_of_its_host(hub: Hub) -> None:
    """As a chart does."""
    has_login(hub)
    content = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    hub.server.answers["/a.yaml"] = Answer(content, needs=LOGIN)
    url, sha256 = f"https://{hub.server.host}/a.yaml", hashlib.sha256(content).hexdigest()
    assert manifests.fetched_objects(url, sha256, hub.settings())


def test_a_password_that_nobody_gave_is_named(hub: Hub) -> None:
    """A cluster in a program may get it as an output, which has no value yet."""
    hub.access["username"] = "robot"
    hub.scheme = "https"
    assert f"the password of image registry {hub.server.host} as a text" in hub.refusal()


def private(hub: Hub) -> dict[str, Any]:
    """A stack whose chart is in a repository that wants the login of the registry at its host."""
    entry = {"version": "1.2.3", "urls": ["shop.tgz"]}
    for path, content in {
        "/charts/index.yaml": yaml.safe_dump({"entries": {"shop": [entry]}}).encode(),
        "/charts/shop.tgz": hub.chart,
    }.items():
        hub.server.answers[path] = Answer(content)
    chart = {"repository": f"https://{hub.server.host}/charts", "name": "shop", "version": "1.2.3"}
    registries = {hub.server.host: hub.access | {"username": "robot"}}
    addons = {"db": {"chart": chart, "sha256": hub.sha256}}
    return {"addons": addons, "containerd": {"registries": registries}}


def test_a_preview_fetches_with_the_password_of_the_stack(hub: Hub, tmp_path: Path) -> None:
    """Which no object has."""
    stack = full(tmp_path) | private(hub)
    run = record(stack | {"images": {}}, preview=True)
    assert hub.server.logins == {f"Basic {base64.b64encode(f'robot:{PASSWORD}'.encode()).decode()}"}
    assert "Deployment:db/db-server" in {each.name for each in run.resources}


def test_a_command_decrypts_the_password_only_for_what_is_not_in_the_cache(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi takes a second for it, and a passphrase."""
    decrypted: list[str] = []

    def secret(_: SelectedStack, name: str) -> str:
        decrypted.append(name)
        return CANARY

    monkeypatch.setattr(SelectedStack, "secret", secret)
    file = tmp_path / "Pulumi.shop.yaml"
    sections = smallest() | private(hub)
    file.write_text(yaml.safe_dump({"config": {f"kubeadm:{name}": section for name, section in sections.items()}}))
    for _ in range(2):
        charts.chart_objects("db", SelectedStack("shop", file, {}).settings())
    assert (hub.server.logins, decrypted) == ({LOGIN}, ["registryPassword"])
