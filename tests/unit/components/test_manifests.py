"""Manifests of others: checked before they are used."""

from __future__ import annotations

import hashlib
import io
import urllib.request
from http.client import BadStatusLine, IncompleteRead
from pathlib import Path

import pulumi
import pytest

from components.addons import fetching, manifests
from components.addons.fetching import Source
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import CALICO_OBJECTS, full, smallest

PLAIN = parse_settings(smallest())
"""Settings without a login."""


def test_a_changed_manifest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in the cluster as root is what was checked."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    stack = full(tmp_path)
    (tmp_path / "manifest.yaml").write_text("kind: Other\n")
    calico = stack["calico"]
    with pytest.raises(pulumi.RunError, match="expected sha256"):
        manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)
    assert not (tmp_path / "cache").exists()


def test_a_manifest_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards its source may be out of reach."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    calico = full(tmp_path)["calico"]
    first = manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)
    (tmp_path / "manifest.yaml").unlink()
    assert manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN) == first
    assert len(first) == len(CALICO_OBJECTS)


def test_a_manifest_is_used_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner may have a home that is read-only."""
    (tmp_path / "home").touch()
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "home" / "cache")
    calico = full(tmp_path)["calico"]
    assert len(manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)) == len(CALICO_OBJECTS)


@pytest.mark.parametrize("content", ["kind: DaemonSet\nmetadata: {name: evil}\n", ""])
def test_a_cached_manifest_that_was_changed_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """Whoever may write into the cache of a shared runner is not cluster-admin by it."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    calico = full(tmp_path)["calico"]
    first = manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)
    (cached,) = (tmp_path / "cache").iterdir()
    intact = cached.read_bytes()
    cached.write_text(content)
    assert manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN) == first
    assert cached.read_bytes() == intact


def test_a_cached_manifest_that_was_changed_is_not_used_where_its_source_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update fails, with the address that it needs."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    calico = full(tmp_path)["calico"]
    manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_text("kind: DaemonSet\n")
    (tmp_path / "manifest.yaml").unlink()
    with pytest.raises(pulumi.RunError, match=r"fetch: expected file://.* to be readable"):
        manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"], PLAIN)


@pytest.mark.parametrize("content", [b"", b"# nothing\n---\n"])
def test_a_manifest_without_objects_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Whatever its checksum: an add-on of no objects would be deleted from the cluster."""
    monkeypatch.setattr(fetching, "CACHE", tmp_path / "cache")
    (tmp_path / "empty.yaml").write_bytes(content)
    with pytest.raises(pulumi.RunError, match="expected Kubernetes objects"):
        manifests.fetched_objects((tmp_path / "empty.yaml").as_uri(), hashlib.sha256(content).hexdigest(), PLAIN)


def test_a_server_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks in front of repositories refuse the name that urllib has by itself."""
    seen: list[urllib.request.Request] = []

    def answers(request: urllib.request.Request, **_: object) -> io.BytesIO:
        seen.append(request)
        return io.BytesIO(b"x")

    monkeypatch.setattr(urllib.request, "urlopen", answers)
    assert fetching.answer_of(Source("https://example.com/x")) == b"x"
    assert [each.get_header("User-agent") for each in seen] == ["pulumi-kubeadm"]


def test_a_url_of_something_large_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checksum would be computed once the memory of this computer is full."""
    monkeypatch.setattr(fetching, "LARGEST_BYTES", 9)
    file = tmp_path / "image"
    file.write_bytes(bytes(9))
    assert fetching.answer_of(Source(file.as_uri())) == bytes(9)
    file.write_bytes(bytes(10))
    with pytest.raises(pulumi.RunError, match="more than"):
        fetching.answer_of(Source(file.as_uri()))


@pytest.mark.parametrize("error", [IncompleteRead(b"half"), BadStatusLine("SSH-2.0"), TimeoutError("timed out")])
def test_a_fetch_that_breaks_off_is_a_problem_with_a_next_command(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As a proxy does with a large file, and a server of something else."""

    def breaks_off(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", breaks_off)
    with pytest.raises(pulumi.RunError, match=r"expected https://example\.com/x to be readable"):
        fetching.answer_of(Source("https://example.com/x"))
