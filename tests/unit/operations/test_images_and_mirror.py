"""The images of a stack, and what is copied where; skopeo and registries themselves are in tests/e2e/test_mirror.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.addons import fetching
from components.settings import Settings
from components.settings.kubeadm_images import kubeadm_images
from components.settings.stack_file import parse_settings
from operations import __main__
from operations.images import images, mirror
from operations.images._image_list import StackImage, mirrored_to, stack_images
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


def test_a_rewrite_that_leads_to_the_target_already_stays(skopeo: type[FakeSkopeo], tmp_path: Path) -> None:
    """So that the names are those that hosts pull today."""
    settings = parse_settings(stack_file(tmp_path, rewrite={"registry.k8s.io": f"{HUB}/gcr", "quay.io": "else"}))
    rewrite = mirrored_to(settings, HUB).images.rewrite
    assert rewrite == {"registry.k8s.io": f"{HUB}/gcr", "docker.io": f"{HUB}/docker.io"}
