"""The images of a stack, and what is copied where; skopeo and registries themselves are in tests/e2e/test_mirror.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.addons import fetching
from components.settings import Settings
from components.settings.kubeadm_images import kubeadm_images
from components.settings.stack_file import parse_settings
from operations import __main__
from operations.images import _skopeo, images, mirror
from operations.images._image_list import StackImage, mirrored_to, stack_images
from operations.images._skopeo import Skopeo, is_loopback
from problem import StepError
from tests.unit.operations.test_ssh import program
from tests.unit.support.stacks import Stack, full, smallest

HUB = "hub.example.com"


class FakeSkopeo:
    """Registries in memory: digest by image."""

    held: dict[str, str]
    copied: list[tuple[str, str]]
    spoils = False

    def __init__(self, *_: object) -> None:
        """Nothing is read from disk."""

    def digest(self, image: str) -> str | None:
        """Of an image that is held."""
        return self.held.get(image)

    def why_not(self, _: str) -> str:
        """Always the same."""
        return "no route to host"

    def copy(self, source: str, target: str) -> None:
        """Hold it under another name."""
        self.copied.append((source, target))
        self.held[target] = "sha256:other" if self.spoils else self.held[source]


class OfSettings:
    """A stack with these settings."""

    name = "shop"

    def __init__(self, settings: Settings) -> None:
        self.settings = lambda: settings

    def secret(self, name: str) -> str:
        """Of the registry."""
        return f"the {name}"


def stack_file(tmp_path: Path, version: str = "1.36.3", rewrite: dict[str, str] | None = None) -> Stack:
    """A stack with Calico's manifest beside it."""
    return full(tmp_path, version=version) | {"images": {"rewrite": rewrite or {}}}


@pytest.fixture
def skopeo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[FakeSkopeo]:
    """Every public image can be read."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    settings = parse_settings(stack_file(tmp_path))
    for module in (images, mirror):
        monkeypatch.setattr(module, "selected_stack", lambda _: OfSettings(settings))
    monkeypatch.setattr(mirror, "Skopeo", FakeSkopeo)
    FakeSkopeo.held = {each.public: f"sha256:{each.public}" for each in stack_images(settings)}
    FakeSkopeo.copied, FakeSkopeo.spoils = [], False
    return FakeSkopeo


def test_the_list_of_the_guides_version_is_kubeadms_and_calicos_and_the_dashboards(
    skopeo: type[FakeSkopeo], tmp_path: Path
) -> None:
    """What `kubeadm config images list` of 1.24.3 prints, and the others."""
    found = {each.pulled for each in stack_images(parse_settings(stack_file(tmp_path, "1.24.3")))}
    assert found == {
        *(f"registry.k8s.io/kube-{name}:v1.24.3" for name in ("apiserver", "controller-manager", "scheduler", "proxy")),
        "registry.k8s.io/coredns/coredns:v1.8.6",
        "registry.k8s.io/etcd:3.5.3-0",
        "registry.k8s.io/pause:3.7",
        "registry.k8s.io/metrics-server/metrics-server:v0.6.4",
        *(f"docker.io/calico/{name}:v3.28.5" for name in ("cni", "node", "kube-controllers")),
        "docker.io/kubernetesui/dashboard:v2.7.0",
        "docker.io/kubernetesui/metrics-scraper:v1.0.8",
    }


def test_in_a_private_registry_coredns_loses_a_part_of_its_path(skopeo: type[FakeSkopeo], tmp_path: Path) -> None:
    """As kubeadm does with an imageRepository."""
    rewritten = stack_file(tmp_path, rewrite={"registry.k8s.io": f"{HUB}/gcr"})
    found = stack_images(parse_settings(rewritten))
    assert StackImage("registry.k8s.io/coredns/coredns:v1.14.2", f"{HUB}/gcr/coredns:v1.14.2") in found


@pytest.mark.parametrize("rewrite", [{}, {"registry.k8s.io": f"{HUB}/k8s"}])
def test_images_of_a_cache_have_the_names_that_kubeadm_gets(tmp_path: Path, rewrite: dict[str, str]) -> None:
    """A cache has CoreDNS under the public path, and people name another etcd."""
    stack = stack_file(tmp_path, rewrite=rewrite)
    stack["cluster"]["clusterConfiguration"] = {
        "dns": {"imageRepository": f"{HUB}/k8s/coredns", "imageTag": "v1.9"},
        "etcd": {"local": {"imageRepository": f"{HUB}/own", "imageTag": "3.5.24-0"}},
    }
    found = kubeadm_images(parse_settings(stack))
    assert ("registry.k8s.io/coredns/coredns:v1.9", f"{HUB}/k8s/coredns/coredns:v1.9") in found
    assert ("registry.k8s.io/etcd:3.5.24-0", f"{HUB}/own/etcd:3.5.24-0") in found
    assert len(found) == len(kubeadm_images(parse_settings(smallest())))


def test_images_are_listed_by_registry(skopeo: type[FakeSkopeo], capsys: pytest.CaptureFixture[str]) -> None:
    """With tags."""
    assert __main__.main(["images", "shop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["docker.io:", "registry.k8s.io:"]
    assert "  registry.k8s.io/pause:3.10.2" in lines


def test_every_image_is_copied_to_the_name_that_the_stack_will_pull(
    skopeo: type[FakeSkopeo], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the lines of the stack file that lead there."""
    assert __main__.main(["mirror", "shop", f"{HUB}/copy"]) == 0
    printed = capsys.readouterr().out
    rewrite = {"docker.io": f"{HUB}/copy/docker.io", "registry.k8s.io": f"{HUB}/copy/registry.k8s.io"}
    assert all(f"      {source}: {to}\n" in printed for source, to in rewrite.items())
    pulled = {each.pulled for each in stack_images(parse_settings(stack_file(tmp_path, rewrite=rewrite)))}
    assert {target for _, target in skopeo.copied} == pulled
    assert len(pulled) == 13


@pytest.mark.parametrize("command", [["images", "shop"], ["mirror", "shop", HUB]])
@pytest.mark.parametrize(("version", "warns"), [("1.36.3", False), ("1.36.2", True)])
def test_tags_that_are_guessed_are_said_to_be(
    *,
    skopeo: type[FakeSkopeo],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    version: str,
    warns: bool,
) -> None:
    """With the command that knows."""
    settings = parse_settings(stack_file(tmp_path, version=version))
    skopeo.held = {each.public: "sha256:x" for each in stack_images(settings)}
    for module in (images, mirror):
        monkeypatch.setattr(module, "selected_stack", lambda _: OfSettings(settings))
    assert __main__.main(command) == 0
    assert ("kubeadm config images list" in capsys.readouterr().err) == warns


def test_what_is_there_with_the_same_digest_is_left_alone(skopeo: type[FakeSkopeo]) -> None:
    """What is there with another one is not."""
    assert __main__.main(["mirror", "shop", HUB]) == 0
    skopeo.copied.clear()
    skopeo.held[f"{HUB}/registry.k8s.io/pause:3.10.2"] = "sha256:old"
    assert __main__.main(["mirror", "shop", HUB]) == 0
    assert [target for _, target in skopeo.copied] == [f"{HUB}/registry.k8s.io/pause:3.10.2"]


def test_an_image_that_cannot_be_read_does_not_keep_the_others(
    skopeo: type[FakeSkopeo], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named at the end, and the command fails."""
    del skopeo.held["registry.k8s.io/etcd:3.6.8-0"]
    assert __main__.main(["mirror", "shop", HUB]) == 1
    printed = capsys.readouterr()
    assert len(skopeo.copied) == 12
    assert "expected one of registry.k8s.io/etcd:3.6.8-0 to be readable" in printed.err
    assert "no route to host" in printed.err
    assert "In the stack file" not in printed.out


def test_a_registry_that_changes_what_it_gets_is_found_out(
    skopeo: type[FakeSkopeo], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the digest."""
    skopeo.spoils = True
    assert __main__.main(["mirror", "shop", HUB]) == 1
    assert "saw sha256:other" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["", "https://hub.example.com", "hub.example.com/", "hub example", "hub/UPPER"])
def test_a_target_that_is_no_registry_is_refused(skopeo: type[FakeSkopeo], target: str) -> None:
    """Before anything is read."""
    assert __main__.main(["mirror", "shop", target]) == 1
    assert skopeo.copied == []


def test_without_skopeo_it_says_so_and_installs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that would."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    settings = parse_settings(stack_file(tmp_path))
    monkeypatch.setattr(mirror, "selected_stack", lambda _: OfSettings(settings))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert __main__.main(["mirror", "shop", HUB]) == 1
    assert "expected the program skopeo,\n  saw none in PATH\n  Next: apt-get install skopeo" in capsys.readouterr().err


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


def test_a_rewrite_that_leads_to_the_target_already_stays(skopeo: type[FakeSkopeo], tmp_path: Path) -> None:
    """So that the names are those that hosts pull today."""
    settings = parse_settings(stack_file(tmp_path, rewrite={"registry.k8s.io": f"{HUB}/gcr", "quay.io": "else"}))
    rewrite = mirrored_to(settings, HUB).images.rewrite
    assert rewrite == {"registry.k8s.io": f"{HUB}/gcr", "docker.io": f"{HUB}/docker.io"}


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
