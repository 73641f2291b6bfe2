"""Manifests of others: checked before they are used."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.addons import manifests
from tests.unit.support.stacks import CALICO_OBJECTS, full


def test_a_changed_manifest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in the cluster as root is what was checked."""
    monkeypatch.setattr(manifests, "CACHE", tmp_path / "cache")
    stack = full(tmp_path)
    (tmp_path / "manifest.yaml").write_text("kind: Other\n")
    calico = stack["calico"]
    with pytest.raises(pulumi.RunError, match="expected sha256"):
        manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"])
    assert not (tmp_path / "cache").exists()


def test_a_manifest_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards its source may be out of reach."""
    monkeypatch.setattr(manifests, "CACHE", tmp_path / "cache")
    calico = full(tmp_path)["calico"]
    first = manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"])
    (tmp_path / "manifest.yaml").unlink()
    assert manifests.fetched_objects(calico["manifestUrl"], calico["manifestSha256"]) == first
    assert len(first) == len(CALICO_OBJECTS)
