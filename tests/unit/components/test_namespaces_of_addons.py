"""The namespace that a stack gives to an add-on whose manifest names none, as that of Argo CD does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.addons.manifests import object_name
from components.addons.of_stack import objects_of_addon
from components.objects.namespaces import namespaces
from components.settings import Settings
from components.settings.stack_file import parse_settings
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import full, only_problem

MANIFEST = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: projects.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Project}}
---
apiVersion: example.com/v1
kind: Project
metadata: {name: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: server}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: of-server}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: }
"""


def with_manifest(stack: dict[str, Any], directory: Path, **values: Any) -> dict[str, Any]:
    """The stack with the add-on `cd`."""
    (directory / "cd.yaml").write_text(MANIFEST)
    return stack | {"addons": {"cd": {"manifest": str(directory / "cd.yaml"), **values}}}


def parsed(directory: Path, **values: Any) -> Settings:
    """The settings of that stack."""
    return parse_settings(with_manifest(full(directory), directory, **values))


def test_objects_without_a_namespace_get_that_of_the_add_on(tmp_path: Path) -> None:
    """But for kinds of the whole cluster, of Kubernetes or of the manifest, and what names its own."""
    placed = {object_name(each) for each in objects_of_addon("cd", parsed(tmp_path, namespace="argocd"))}
    assert placed == {
        "CustomResourceDefinition:projects.example.com",
        "Project:default",
        "ClusterRole:server",
        "StorageClass:fast",
        "ConfigMap:argocd/of-server",
        "ConfigMap:shop/elsewhere",
        "Deployment:argocd/server",
    }


def test_the_namespace_is_one_of_the_stack(tmp_path: Path) -> None:
    """It is made before what is in it, with a Pod Security level; without one nothing changes."""
    (own,) = (each for each in namespaces(parsed(tmp_path, namespace="argocd")) if each.name == "argocd")
    assert own.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    assert "argocd" not in {each.name for each in namespaces(parsed(tmp_path))}
    run = record(with_manifest(stack_of(tmp_path), tmp_path, namespace="argocd"), preview=True)
    made = {each.name: each for each in run.resources}
    assert made["argocd"].urn in made["ConfigMap:argocd/of-server"].request.dependencies


def test_a_namespace_of_a_built_in_add_on_is_refused(tmp_path: Path) -> None:
    """It goes with that add-on."""
    with pytest.raises(Exception, match=r"addons\.cd\.namespace: add-on dashboard has the same namespace"):
        record(with_manifest(stack_of(tmp_path), tmp_path, namespace="kubernetes-dashboard"), preview=True)


def test_a_chart_has_its_namespace_in_one_place(tmp_path: Path) -> None:
    """Of two, one would be passed over."""
    (tmp_path / "a.tgz").touch()
    chart = {"archive": str(tmp_path / "a.tgz")}
    assert "set chart.namespace" in only_problem(
        full(tmp_path) | {"addons": {"cd": {"chart": chart, "namespace": "a"}}}
    )


MONITOR = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a, namespace: web}\n"
GATEWAY = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\n"
OWN = "\n---\n".join(
    f"apiVersion: {group}\nkind: {kind}\nmetadata: {{name: a, namespace: {namespace}}}"
    for group, kind, namespace in (
        ("coordination.k8s.io/v1", "Lease", "default"),
        ("networking.k8s.io/v1", "Ingress", "kube-system"),
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", ""),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "nowhere"),
    )
)


@pytest.mark.parametrize(
    ("text", "sections", "missing"),
    [
        (MONITOR, {}, "ServiceMonitor of monitoring.coreos.com, the namespace web"),
        (MONITOR, {"access": {"podSecurity": {"web": "baseline"}}}, "ServiceMonitor of monitoring.coreos.com"),
        (f"{MONITOR}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: web}}\n", {}, "ServiceMonitor of"),
        (MANIFEST, {}, ""),
        (GATEWAY, {}, "Gateway of gateway.networking.k8s.io"),
        (OWN, {}, ""),
    ],
)
def test_a_new_cluster_lacks_what_nothing_in_the_stack_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sections: dict[str, Any], missing: str
) -> None:
    """The first update would end at that object, with everything before it in the cluster."""
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    (tmp_path / "a.yaml").write_text(text)
    stack = stack_of(tmp_path) | {"addons": {"a": {"manifest": str(tmp_path / "a.yaml")}}} | sections
    run = record(stack, preview=False)
    found = [each for each in warnings if each.startswith("add-on a: expected the kinds and namespaces")]
    assert [f"makes {missing}" in each for each in found] == ([True] if missing else [])
    warnings.clear()
    record(stack, preview=True, before=run)
    assert not [each for each in warnings if each.startswith("add-on a:")], "others may have made it"
