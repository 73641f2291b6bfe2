"""A manifest that is an add-on of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WELL = """\
apiVersion: v1
kind: Namespace
metadata:
  name: shop-db
  labels: {team: shop, pod-security.kubernetes.io/enforce: privileged}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pools.example.com}
spec: {group: example.com, names: {kind: Pool}}
---
apiVersion: example.com/v1
kind: Pool
metadata: {name: first, namespace: shop-db}
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: helper, namespace: shop-db, annotations: {since: 2026-01-21}}
    data: {pod.yaml: "image: docker.io/library/busybox:1.36\\nother: docker.io/library/busybox:1.36.1"}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop-db}
spec:
  template:
    spec:
      containers: [{name: db, image: "docker.io/library/postgres:17"}]
"""
HELPER = "docker.io/library/busybox:1.36"
OBJECTS = {
    "CustomResourceDefinition:pools.example.com",
    "Pool:shop-db/first",
    "ConfigMap:shop-db/helper",
    "StatefulSet:shop-db/db",
}


def with_manifest(stack: dict[str, Any], directory: Path, text: str = WELL, **values: Any) -> dict[str, Any]:
    """The stack with the add-on `db`, whose manifest is a file."""
    (directory / "db.yaml").write_text(text)
    stack.setdefault("addons", {})["db"] = {"manifest": str(directory / "db.yaml"), **values}
    return stack


def config_map(name: str = "x", namespace: str = "kube-system") -> str:
    """A manifest of one object."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
