"""Add-ons and access rules that are refused before anything is touched, and what looks alike and is taken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.review.addons import refuse_wrong_addons
from components.review.owners import taken_access_objects
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.addons import HELPER, OBJECTS, WELL, config_map, with_manifest
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import full, only_problem

CLUSTER_ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: %s, namespace: %s}\n"
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no YAML": ("a: [", {}, "Kubernetes objects in YAML"),
    "a page of a web server": ("<html>not found</html>", {}, "saw among them '<html>"),
    "an object without a name": ("apiVersion: v1\nkind: ConfigMap\n", {}, "apiVersion, kind and metadata.name"),
    "nothing": ("# nothing\n", {}, "a file without any"),
    "another checksum": (WELL, {"sha256": "0" * 64}, f"expected sha256 {'0' * 64}"),
    "an object of a built-in add-on": (config_map("calico-config"), {}, "add-on calico has the same object"),
    "an object of kubeadm": (config_map("kubeadm-config"), {}, "an object of Kubernetes itself"),
    "a node": ("apiVersion: v1\nkind: Node\nmetadata: {name: node1}\n", {}, "an object of Kubernetes itself"),
    "a namespace of Kubernetes": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n",
        {},
        "an object of Kubernetes itself",
    ),
    "a namespace of a built-in add-on": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kubernetes-dashboard}\n",
        {},
        "add-on dashboard has the same object",
    ),
    "an access rule": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader}\n",
        {},
        "a rule in `access` has the same object",
    ),
    "a pull secret": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: registry-credentials, namespace: shop}\n",
        {},
        "images.pullSecretNamespaces has the same object",
    ),
    "an object of kubeadm with a namespace that it does not have": (
        CLUSTER_ROLE % ("system:coredns", "shop"),
        {},
        "an object of Kubernetes itself",
    ),
    "an object twice": (f"{config_map()}---\n{config_map()}", {}, "add-on db has the same object"),
    "a secret with content": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: canary}\n",
        {},
        "a secret with content",
    ),
    "a service of the API server": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: kubernetes, namespace: default}\n",
        {},
        "an object of Kubernetes itself",
    ),
    "an account of kubeadm": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: coredns, namespace: kube-system}\n",
        {},
        "an object of Kubernetes itself",
    ),
    "a number for a label": (config_map("x, labels: {a: 5}"), {}, "labels whose values are not all texts"),
    "a number in a ConfigMap": (
        f"{config_map('x')}data: {{a: b, port: 80}}\n",
        {},
        "data whose values are not all texts",
    ),
    "a number in a variable": (
        WELL.replace('postgres:17"', 'postgres:17", env: [{name: a, value: 5}]'),
        {},
        "env of db whose values are not all texts",
    ),
    "a number in an annotation of a pod": (
        WELL.replace("template:", "template:\n    metadata: {annotations: {prometheus.io/port: 80}}"),
        {},
        "annotations whose values are not all texts",
    ),
    "a number that the engine alters": (
        "apiVersion: example.com/v1\nkind: Account\nmetadata: {name: x}\nspec: {number: 9007199254740993}\n",
        {},
        "fewer digits than 9007199254740993, which the engine would take for 9007199254740992, found Account:x",
    ),
    "an unknown level": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {pod-security.kubernetes.io/enforce: open}}\n",
        {},
        "that is privileged or baseline or restricted, not open, found Namespace:a",
    ),
    "an image that is not in it": (config_map(), {"images": [HELPER]}, f"found {HELPER}, which is nowhere in them"),
}


@pytest.mark.parametrize(("text", "values", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_add_on_is_refused_before_anything_is_touched(
    directory: Path, text: str, values: dict[str, Any], reason: str
) -> None:
    """With its name, and what is wrong."""
    stack = with_manifest(stack_of(directory), directory, text, **values)
    with pytest.raises(SettingsError) as error:
        record(stack, preview=False)
    assert error.value.problems[0].startswith("addons.db")
    assert reason in error.value.problems[0]
    assert "canary" not in str(error.value)


def test_two_objects_of_the_whole_cluster_are_one_in_any_namespace(directory: Path) -> None:
    """Templates of charts often write one for a ClusterRole, and the API passes over it."""
    stack = with_manifest(full(directory), directory, CLUSTER_ROLE % ("a", "shop"))
    (directory / "second.yaml").write_text(CLUSTER_ROLE % ("a", "web"))
    stack["addons"]["second"] = {"manifest": str(directory / "second.yaml")}
    with pytest.raises(SettingsError, match=r"addons\.second\.manifest: add-on db has the same object"):
        refuse_wrong_addons(parse_settings(stack))


def test_a_definition_may_have_the_largest_number_as_its_limit(directory: Path) -> None:
    """The API takes a limit as a float."""
    text = WELL.replace("spec: {group", "spec: {a: {maximum: 9223372036854775807}, group")
    refuse_wrong_addons(parse_settings(with_manifest(full(directory), directory, text)))


def test_a_kind_of_others_may_have_the_name_of_one_of_kubernetes(directory: Path) -> None:
    """A Node of a storage system is no node."""
    text = "apiVersion: longhorn.io/v1beta2\nkind: Node\nmetadata: {name: node1, namespace: shop}\n"
    refuse_wrong_addons(parse_settings(with_manifest(full(directory), directory, text)))


def test_objects_of_two_groups_may_have_one_kind_and_name(directory: Path) -> None:
    """As network policies of Kubernetes and of Calico: each has a change of its own, and an end."""
    one, other = (f"apiVersion: {each}/v1\nkind: Gateway\nmetadata: {{name: a}}\n" for each in ("a.com", "b.com"))
    stack = with_manifest(stack_of(directory), directory, f"{one}---\n{other}")
    run = record(stack, preview=False)
    gateways = [each.request.type for each in run.resources if each.name == "Gateway:a"]
    assert gateways == ["kubernetes:a.com/v1:Gateway", "kubernetes:b.com/v1:Gateway"]
    assert planned(stack, state_of(run)) == ["nothing is done to any node"]
    changed = with_manifest(stack_of(directory), directory, f"{one}spec: {{a: b}}\n---\n{other}")
    assert planned(changed, state_of(run)) == ["add-on db: Gateway:a changes"]
    gone = with_manifest(stack_of(directory), directory, one)
    assert planned(gone, state_of(run)) == ["Gateway:a: no add-on has it any more; it is deleted"]


RULE = {"resources": ["pods"], "verbs": ["get"]}


@pytest.mark.parametrize(
    ("access", "found"),
    [
        ({"roles": [{"name": "view", "rules": [RULE]}]}, ["Kubernetes", "ClusterRole:view"]),
        (
            {"serviceAccounts": [{"name": "cluster-admin", "namespace": "shop", "clusterRole": "cluster-admin"}]},
            ["Kubernetes", "ClusterRoleBinding:cluster-admin"],
        ),
        (
            {"serviceAccounts": [{"name": "kubernetes-dashboard", "namespaceRoles": {"shop": "view"}}]},
            ["add-on dashboard", "ServiceAccount:kubernetes-dashboard/kubernetes-dashboard"],
        ),
        (
            {"serviceAccounts": [{"name": "coredns", "namespace": "kube-system"}]},
            ["Kubernetes", "ServiceAccount:kube-system/coredns"],
        ),
        ({"roles": [{"name": "view", "namespace": "shop", "rules": [RULE]}]}, []),
        ({"serviceAccounts": [{"name": "default", "namespace": "shop", "namespaceRoles": {"shop": "view"}}]}, []),
    ],
)
def test_access_rules_with_an_object_of_another_owner_are_refused(
    directory: Path, access: dict[str, Any], found: list[str]
) -> None:
    """Each would change it back, or the API refuse the change; and the end of the rule would be that of the object."""
    parsed = parse_settings(full(directory) | {"access": access})
    assert list(taken_access_objects(parsed)) == (
        [f"access: {found[0]} has the same object; take another name, found {found[1]}"] if found else []
    )


def test_two_add_ons_with_one_object_are_refused(directory: Path) -> None:
    """Each would change it back."""
    stack = with_manifest(stack_of(directory), directory, config_map())
    stack["addons"]["second"] = stack["addons"]["db"]
    with pytest.raises(SettingsError, match=r"addons\.second\.manifest: add-on db has the same object"):
        refuse_wrong_addons(parse_settings(stack))


@pytest.mark.parametrize("name", ["calico", "dashboard", "local-path", "metallb", "metrics-server"])
def test_the_name_of_a_built_in_add_on_is_taken(directory: Path, name: str) -> None:
    """Also where the settings leave it out."""
    stack = with_manifest(stack_of(directory), directory)
    stack |= {"dashboard": {"kind": "none"}, "addons": {name: stack["addons"]["db"]}}
    with pytest.raises(SettingsError, match=rf"addons\.{name}: the name of a built-in add-on"):
        refuse_wrong_addons(parse_settings(stack))


def test_a_url_without_a_checksum_is_refused(directory: Path) -> None:
    """What it serves tomorrow nobody has read."""
    stack = full(directory) | {"addons": {"db": {"manifest": "https://example.com/db.yaml"}}}
    assert "set sha256" in only_problem(stack)


def test_a_manifest_at_a_url_is_fetched_by_its_checksum(directory: Path) -> None:
    """As Calico's."""
    (directory / "at-url.yaml").write_text(WELL)
    address = (directory / "at-url.yaml").as_uri()
    sha256 = hashlib.sha256(WELL.encode()).hexdigest()
    stack = stack_of(directory) | {"addons": {"db": {"manifest": address, "sha256": sha256}}}
    assert record(stack, preview=True).of_addons.keys() == OBJECTS


@pytest.mark.parametrize("text", [WELL, WELL.replace("{team: shop, ", "{team: web, ")], ids=["alike", "another"])
def test_two_add_ons_may_have_one_namespace(directory: Path, text: str) -> None:
    """Where they say the same of it: the stack makes it once, and it stays."""
    namespace, others = text.split("---", 1)[0], config_map("own", "shop-db")
    (directory / "second.yaml").write_text(f"{namespace}---\n{others}")
    stack = with_manifest(full(directory), directory)
    stack["addons"]["second"] = {"manifest": str(directory / "second.yaml")}
    if text == WELL:
        refuse_wrong_addons(parse_settings(stack))
        return
    with pytest.raises(SettingsError, match=r"addons\.second\.manifest: add-on db has the same object"):
        refuse_wrong_addons(parse_settings(stack))
