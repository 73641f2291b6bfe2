"""Objects of add-ons as the engine and the provider get them: what is waited for, and what is the same object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of

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


@pytest.mark.parametrize("kind", ["Ingress", "PersistentVolumeClaim"])
def test_what_settles_after_workloads_is_not_waited_for(directory: Path, kind: str) -> None:
    """Workloads come after all other objects: an address of an Ingress, or the volume of a claim, comes later still."""
    objects = record(with_manifest(directory), preview=False).of_addons
    annotations = objects[f"{kind}:default/shop"].inputs["metadata"]["annotations"]
    assert annotations["pulumi.com/skipAwait"] == "true"
    assert "pulumi.com/skipAwait" not in objects["ConfigMap:default/shop"].inputs["metadata"]["annotations"]


def aliases(directory: Path, text: str) -> dict[str, list[str]]:
    """Types under which the engine looks for the objects of a manifest, after an update with SHOP."""
    before = record(with_manifest(directory), preview=False)
    after = record(with_manifest(directory, text), preview=False, before=before)
    return {name: [alias.spec.type for alias in each.request.aliases] for name, each in after.of_addons.items()}


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


DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %(plural)s.example.com}
spec: {group: example.com, names: {kind: %(kind)s}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(kind)s-operator, namespace: shop}
---
apiVersion: example.com/v1
kind: %(other)s
metadata: {name: %(kind)s-needs, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: %(kind)s-account, namespace: shop}
"""
KINDS = {"pools": {"kind": "Pool", "other": "Queue"}, "queues": {"kind": "Queue", "other": "Pool"}}
"""Two add-ons that need the kinds of each other, as a chart with a certificate and a chart with a monitor do."""


@pytest.mark.parametrize("order", [("pools", "queues"), ("queues", "pools")])
def test_an_object_of_a_kind_of_another_add_on_comes_after_its_workloads(
    directory: Path, order: tuple[str, str]
) -> None:
    """In any order of the stack file. Nothing waits for the object, or the two add-ons would wait for each other."""
    stack = stack_of(directory) | {"addons": {}}
    for name in order:
        (directory / f"{name}.yaml").write_text(DEFINITION % {"plural": name, **KINDS[name]})
        stack["addons"][name] = {"manifest": str(directory / f"{name}.yaml")}
    objects = record(stack, preview=True).of_addons
    for kind, other in (("Pool", "Queue"), ("Queue", "Pool")):
        needs = objects[f"{other}:shop/{kind}-needs"]
        assert objects[f"Deployment:shop/{other}-operator"].urn in needs.request.dependencies
        assert objects[f"Deployment:shop/{kind}-operator"].urn not in needs.request.dependencies
        assert not any(needs.urn in each.request.dependencies for each in objects.values())


EARLY = """\
apiVersion: v1
kind: Secret
metadata: {name: robot-token, namespace: default, annotations: {kubernetes.io/service-account.name: robot}}
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: Pod
metadata: {name: robot, namespace: default}
spec: {serviceAccountName: robot, containers: [{name: a, image: "hub.example.com/a:1"}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: default}
"""


@pytest.mark.parametrize("name", ["Secret:default/robot-token", "Pod:default/robot"])
def test_what_needs_a_service_account_comes_after_it(directory: Path, name: str) -> None:
    """The API refuses such a pod, and Kubernetes deletes such a token."""
    run = record(with_manifest(directory, EARLY), preview=False)
    (gate,) = (each for each in run.resources if each.name == "shop/configured")
    objects = run.of_addons
    assert gate.urn in objects[name].request.dependencies
    assert gate.request.dependencies == [objects["ServiceAccount:default/robot"].urn]


EXPORTED = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: a, uid: 1-2, resourceVersion: '5', generation: 1, selfLink: /a, managedFields: [{manager: kubectl}]}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}
rules: []
status: {a: b}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: b}
rules: []
"""


def test_what_the_cluster_writes_into_an_object_is_not_sent(directory: Path) -> None:
    """The API refuses these fields of an exported object, and the rules that a controller collects are a conflict."""
    objects = record(with_manifest(directory, EXPORTED), preview=False).of_addons
    inputs = objects["ClusterRole:a"].inputs
    assert inputs.keys() == {"apiVersion", "kind", "metadata", "aggregationRule"}
    assert inputs["metadata"].keys() == {"name", "annotations"}
    assert objects["ClusterRole:b"].inputs["rules"] == []


def test_a_changed_config_map_or_secret_stays_the_same_object(directory: Path) -> None:
    """The provider would delete it first: tests/provider/test_objects.py."""
    (provider,) = record(with_manifest(directory), preview=False).of_type("pulumi:providers:kubernetes")
    assert provider.inputs["enableConfigMapMutable"] == provider.inputs["enableSecretMutable"] == "true"
