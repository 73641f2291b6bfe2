"""Skopeo as it is called: names of images, logins and TLS; a fake program stands for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.settings.stack_file import parse_settings
from operations.images import _skopeo
from operations.images._skopeo import Skopeo, is_loopback
from problem import StepError
from tests.unit.operations.test_ssh import program
from tests.unit.support.stacks import smallest

HUB = "hub.example.com"


@pytest.mark.parametrize("content", ["", "{}", "null", '{"auths": null}', '{"credsStore": "pass"}', None])
def test_a_file_without_logins_holds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    """Programs leave such files behind."""
    logins = written_logins(tmp_path, monkeypatch, content, '{"auths": {"hub.example.com": {"auth": "YTpi"}}}')
    assert logins == {"auths": {"hub.example.com": {"auth": "YTpi"}}}


@pytest.mark.parametrize("content", ["{", "[1]", '{"auths": 5}', "\xff", '{"auths": [["canary"]]}'])
def test_a_file_of_logins_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """And not shown."""
    with pytest.raises(StepError, match=r"expected .*/\.docker/config\.json as `skopeo login`") as error:
        written_logins(tmp_path, monkeypatch, content, None)
    assert "canary" not in str(error.value)


def written_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: str | None, containers: str | None
) -> dict[str, Any]:
    """What skopeo reads, where docker and podman left these files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "skopeo", "exit 1")
    for file, content in ((tmp_path / ".docker" / "config.json", docker), (tmp_path / "auth.json", containers)):
        file.parent.mkdir(exist_ok=True)
        if content is not None:
            file.write_text(content, encoding="latin-1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    Skopeo(parse_settings(smallest()), {}, scratch)
    logins: dict[str, Any] = json.loads((scratch / "auth.json").read_text())
    return logins


DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("image", "read", "written"),
    [
        ("a.example.com:5000/b/c:1", "a.example.com:5000/b/c:1", "a.example.com:5000/b/c:1"),
        (f"a.example.com:5000/b/c@{DIGEST}", f"a.example.com:5000/b/c@{DIGEST}", f"a.example.com:5000/b/c@{DIGEST}"),
        (f"a.example.com:5000/b/c:1@{DIGEST}", f"a.example.com:5000/b/c@{DIGEST}", "a.example.com:5000/b/c:1"),
        (f"c:1@{DIGEST}", f"c@{DIGEST}", "c:1"),
    ],
)
def test_an_image_with_tag_and_digest_is_read_by_the_digest_and_written_by_the_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, read: str, written: str
) -> None:
    """Skopeo takes no name with both, as the manifest of ingress-nginx has them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "skopeo", f'printf "%s\\n" "$@" | grep ^docker: >>{tmp_path}/names')
    skopeo = Skopeo(parse_settings(smallest()), {}, tmp_path)
    skopeo.digest(image)
    skopeo.why_not(image)
    skopeo.copy(image, image)
    assert (tmp_path / "names").read_text().split() == [f"docker://{each}" for each in (read, read, read, written)]


def test_a_registry_that_hosts_reach_over_plain_http_is_so_for_skopeo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is its own mirror there; another registry keeps TLS."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "skopeo", f'echo "$@" >>{tmp_path}/options')
    mirrors = {"hub.test:5000": {"mirrors": ["http://hub.test:5000/"]}, HUB: {"mirrors": ["http://hub.test:5000"]}}
    skopeo = Skopeo(parse_settings(smallest() | {"containerd": {"registries": mirrors}}), {}, tmp_path)
    skopeo.copy(f"{HUB}/a:1", "hub.test:5000/a:1")
    options = (tmp_path / "options").read_text()
    assert "--dest-tls-verify=false" in options
    assert "--src-tls-verify" not in options


@pytest.mark.parametrize(
    "file", ["session/containers/auth.json", f"run/{os.getuid()}/auth.json", ".config/containers/auth.json"]
)
def test_a_login_is_found_where_skopeo_and_podman_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """Of a session, of root in a job of CI, which has none, and one that lasts: "log in, then again" has to help."""
    monkeypatch.setattr(_skopeo, "RUN", tmp_path / "run")
    for name in ("DOCKER_CONFIG", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    if "session" in file:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path, "skopeo", "exit 1")
    logins = {"auths": {"hub.example.com": {"auth": "YTpi"}}}
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(json.dumps(logins))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    Skopeo(parse_settings(smallest()), {}, scratch)
    assert json.loads((scratch / "auth.json").read_text()) == logins


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.0.0.1", True),
        ("hub.example.com", False),
        ("192.0.2.1:5000", False),
    ],
)
def test_only_a_registry_on_this_host_may_do_without_tls(registry: str, expected: bool) -> None:
    """As for Docker and containerd."""
    assert is_loopback(registry) == expected


def test_a_registry_that_is_silent_holds_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may accept a connection, and send nothing: `make mirror` would never end, and name no image."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("READ_SECONDS", "COPY_SECONDS"):
        monkeypatch.setattr(_skopeo, name, 0.5)
    program(tmp_path, "skopeo", "echo trying >&2; exec sleep 60")
    skopeo = Skopeo(parse_settings(smallest()), {}, tmp_path)
    assert skopeo.digest("a:1") is None
    assert skopeo.why_not("a:1").endswith("skopeo inspect did not end within 0.5 s")
    with pytest.raises(StepError, match=r"skopeo copy did not end within 0\.5 s"):
        skopeo.copy("a:1", "b:1")


@pytest.mark.parametrize(
    ("answer", "is_read"), [('{"schemaVersion": 2}', True), ("", False), ("<html>log in</html>", False), ("7", False)]
)
def test_an_answer_that_is_no_manifest_has_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, is_read: bool
) -> None:
    """A portal in front of both registries gives both the same page: each image would count as copied."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path, "skopeo", f"printf '%s' '{answer}'")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    skopeo = Skopeo(parse_settings(smallest()), {}, scratch)
    assert (skopeo.digest(f"{HUB}/pause:3.10") is not None) == is_read
    assert skopeo.why_not(f"{HUB}/pause:3.10") == "an answer that is no manifest of an image"
