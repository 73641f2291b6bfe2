"""Changes of add-ons that cost an object, and API versions that Kubernetes removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.review.addons import removed_warnings
from components.settings.stack_file import parse_settings
from tests.unit.support.addons import with_manifest
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import full

REPLACED = """\
apiVersion: batch/v1
kind: Job
metadata: {name: setup, namespace: shop-db}
spec: {template: {spec: {containers: [{name: a, image: quay.io/a/setup:1}]}}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: quick}
provisioner: example.com/disk
parameters: {type: ssd}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fixed, namespace: shop-db}
immutable: true
data: {size: "5"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: open, namespace: shop-db}
data: {color: red}
---
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: shop-db}
spec: {clusterIP: 10.96.0.53}
---
apiVersion: serving.example.com/v1
kind: Service
metadata: {name: other, namespace: shop-db}
spec: {clusterIP: 10.96.0.54}
---
"""
CLAIM = (
    REPLACED
    + """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop-db}
spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop-db}
spec: {serviceName: db, replicas: 1}
"""
)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("1Gi", "2Gi", "PersistentVolumeClaim:shop-db/data changes"),
        ("fast", "slow", "PersistentVolumeClaim:shop-db/data (deleted, and made anew, without its data) changes"),
        ("serviceName: db", "serviceName: other", "StatefulSet:shop-db/db (deleted, and made anew) changes"),
        ("replicas: 1", "replicas: 2", "StatefulSet:shop-db/db changes"),
        ("setup:1", "setup:2", "Job:shop-db/setup (deleted, and made anew) changes"),
        ("ssd", "disk", "StorageClass:quick (deleted, and made anew) changes"),
        ('"5"', '"6"', "ConfigMap:shop-db/fixed (deleted, and made anew) changes"),
        ("red", "blue", "ConfigMap:shop-db/open changes"),
        ("0.53", "0.10", "Service:shop-db/dns (deleted, and made anew) changes"),
        ("0.54", "0.10", "Service:shop-db/other changes"),
    ],
)
def test_the_plan_says_where_a_change_costs_the_object(directory: Path, before: str, after: str, change: str) -> None:
    """The API does not change these fields, and the provider replaces the object."""
    last = state_of(record(with_manifest(stack_of(directory), directory, CLAIM), preview=False))
    changed = with_manifest(stack_of(directory), directory, CLAIM.replace(before, after))
    assert planned(changed, last) == [f"add-on db: {change}"]


@pytest.mark.parametrize(
    ("api_version", "kind", "kubernetes", "is_gone"),
    [
        ("policy/v1beta1", "Budget", "1.24.3", False),
        ("policy/v1beta1", "Budget", "1.36.3", True),
        ("extensions/v1beta1", "Budget", "1.24.3", True),
        ("policy/v1", "Budget", "1.36.3", False),
        ("policy.example.com/v1beta1", "Budget", "1.36.3", False),
        ("networking.k8s.io/v1beta1", "Ingress", "1.24.3", True),
        ("networking.k8s.io/v1beta1", "IPAddress", "1.36.3", False),
        ("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.24.3", False),
        ("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.27.16", True),
    ],
)
def test_an_object_of_an_api_version_that_kubernetes_removed_is_warned_of(
    directory: Path, api_version: str, kind: str, kubernetes: str, *, is_gone: bool
) -> None:
    """Helm offers the API version to charts as one that is there; the update fails in its middle."""
    (directory / "old.yaml").write_text(f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n")
    stack = full(directory, version=kubernetes) | {"addons": {"old": {"manifest": str(directory / "old.yaml")}}}
    found = [str(each) for each in removed_warnings(parse_settings(stack))]
    assert len(found) == is_gone
    assert all(f"Kubernetes {kubernetes} serves,\n  saw {kind} of {api_version}" in each for each in found)
