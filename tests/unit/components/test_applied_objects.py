"""Objects of add-ons as the engine and the provider get them: what is waited for, and what is the same object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import Recording, record, stack_of

SHOP = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: default}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shop, namespace: default}
---
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: shop, namespace: default}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: default}
"""
AUTOSCALER = "HorizontalPodAutoscaler:default/shop"


def with_manifest(directory: Path, text: str = SHOP) -> dict[str, Any]:
    """A stack with an add-on whose manifest is this text."""
    (directory / "shop.yaml").write_text(text)
    return stack_of(directory) | {"addons": {"shop": {"manifest": str(directory / "shop.yaml")}}}


def found(run: Recording) -> dict[str, Any]:
    """The objects of the add-on by name."""
    return {each.name: each for each in run.resources if "kubeadm:index:StackAddon$kubernetes:" in each.urn}


@pytest.mark.parametrize("kind", ["Ingress", "PersistentVolumeClaim"])
def test_what_settles_after_workloads_is_not_waited_for(directory: Path, kind: str) -> None:
    """Workloads come after all other objects: an address of an Ingress, or the volume of a claim, comes later still."""
    objects = found(record(with_manifest(directory), preview=False))
    annotations = objects[f"{kind}:default/shop"].inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"
    assert "pulumi.com/skipAwait" not in objects["ConfigMap:default/shop"].inputs["metadata"]["annotations"]


def aliases(directory: Path, text: str) -> dict[str, list[str]]:
    """Types under which the engine looks for the objects of a manifest, after an update with SHOP."""
    before = record(with_manifest(directory), preview=False)
    after = record(with_manifest(directory, text), preview=False, before=before)
    return {name: [alias.spec.type for alias in each.request.aliases] for name, each in found(after).items()}


def test_an_object_of_another_api_version_is_the_same_object(directory: Path) -> None:
    """Else the engine would create what is there, and then delete it: the add-on would lose it."""
    found_aliases = aliases(directory, SHOP.replace("v2beta2", "v2"))
    assert found_aliases.pop(AUTOSCALER) == ["kubernetes:autoscaling/v2beta2:HorizontalPodAutoscaler"]
    assert not any(found_aliases.values())


def test_an_object_of_another_group_is_another_object(directory: Path) -> None:
    """Such as that of a definition which its makers moved; the old object goes."""
    assert not any(aliases(directory, SHOP.replace("autoscaling/v2beta2", "autoscaling.example.com/v1")).values())


def test_the_plan_names_an_object_whose_api_version_changes(directory: Path) -> None:
    """As any other change of it."""
    before = state_of(record(with_manifest(directory), preview=False))
    lines = planned(with_manifest(directory, SHOP.replace("v2beta2", "v2")), before)
    assert lines == [f"add-on shop: {AUTOSCALER} changes"]
