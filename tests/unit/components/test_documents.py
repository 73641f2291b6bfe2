"""Documents of YAML: words, keys and lists as Kubernetes reads them."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
import yaml

from components.addons.documents import documents_of
from components.addons.manifests import objects_of

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),
        ("1:20:30.5", "1:20:30.5"),
        ("2026-01-21", "2026-01-21"),
        ("=", "="),
        ("1e3", 1000.0),
        ("-1e-3", -0.001),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("0644", 420),
        ("0o644", 420),
        ("0o9", "0o9"),
        ("0x1F", 31),
        ("1_000", 1000),
        ("yes", True),
        ('"1e3"', "1e3"),
        ("1e3m", "1e3m"),
        ("v1e3", "v1e3"),
    ],
)
def test_a_word_has_the_value_that_kubectl_sends(text: str, value: object) -> None:
    """YAML 1.1 counts 12:30 by sixties, and has no text `=`, which is an operator in definitions of Prometheus."""
    (found,) = documents_of(f"a: {text}\n".encode())
    assert found["a"] == value
    assert type(found["a"]) is type(value)


def test_keys_become_texts() -> None:
    """A ConfigMap of ports has numbers there, and the SDK sends texts only."""
    (found,) = documents_of(b"{9000: shop/front, on: a, x: [{1: b}]}")
    assert found == {"9000": "shop/front", "true": "a", "x": [{"1": "b"}]}


@pytest.mark.parametrize(
    "text", ["a: &a {b: *a}", "a: !!binary aGVsbG8=", "a: !!set {b}", "a: .nan", "a: .inf", "a: !b c"]
)
def test_what_json_does_not_have_is_refused(text: str) -> None:
    """The SDK would end in the middle of an update."""
    with pytest.raises(yaml.YAMLError):
        documents_of(text.encode())


def items(kind: str, *texts: str) -> bytes:
    """A list of objects."""
    documents = [yaml.safe_load(text) for text in texts]
    return yaml.safe_dump({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": documents}).encode()


@pytest.mark.parametrize("kind", ["List", "ConfigMapList"])
def test_objects_of_a_list_are_taken_one_by_one(kind: str) -> None:
    """Of a list in it, too; manifests of kube-prometheus have a RoleBindingList."""
    second = OBJECT.replace("name: x", "name: y")
    whole = items("List", items(kind, OBJECT).decode(), second)
    assert [each["metadata"]["name"] for each in objects_of(whole, "here")] == ["x", "y"]


def test_an_object_whose_kind_ends_as_that_of_a_list_is_an_object() -> None:
    """A list has no name."""
    text = "apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: x}\nitems: [a, b]\n"
    assert [each["kind"] for each in objects_of(text.encode(), "here")] == ["AllowList"]


DEFINITION = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: %s}]}\n"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("apiVersion: v1\nkind: List\nitems: 5\n", "'items': 5"),
        ("apiVersion: v1\nkind: List\nmetadata: 5\nitems: [a]\n", "among them 'a'"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "generateName"),
        (OBJECT.replace("name: x", "name: x, labels: [a]"), "labels of ConfigMap:x that are no mapping"),
        (OBJECT.replace("name: x", "name: x, annotations: a"), "annotations of ConfigMap:x that are no mapping"),
        (f"{DEFINITION}spec: a\n", "CustomResourceDefinition:a.b without spec.group and spec.names.kind"),
        (f"{DEFINITION}spec: {{group: b, names: a}}\n", "without spec.group and spec.names.kind"),
        (OBJECT.replace("v1", "a/b/c"), "among them"),
        (OBJECT.replace("ConfigMap", "config map"), "among them"),
        (OBJECT.replace("name: x", "name: a/b"), "among them"),
        (OBJECT.replace("name: x", "name: x, namespace: 5"), "a namespace that is none in ConfigMap:5/x"),
        (OBJECT.replace("name: x", "name: x, namespace: Shop"), "a namespace that is none in ConfigMap:Shop/x"),
        (POD % "", "an image that is no text in Pod:x"),
        (POD % "5", "an image that is no text in Pod:x"),
    ],
)
def test_what_no_code_could_read_is_no_manifest(text: str, seen: str) -> None:
    """For `make images` as for an update."""
    with pytest.raises(pulumi.RunError) as error:
        objects_of(text.encode(), "here")
    assert seen in str(error.value)


@pytest.mark.parametrize("name", ["system:node-proxier", "a.b.c", "UPPER"])
def test_names_of_roles_are_taken(name: str) -> None:
    """They are no names of hosts."""
    text = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: '{name}', namespace: }}\n"
    assert objects_of(text.encode(), "here")[0]["metadata"]["name"] == name


def test_a_custom_resource_may_have_a_mapping_for_an_image() -> None:
    """It is no container of a pod."""
    found: list[dict[str, Any]] = objects_of((POD % "{repository: a}").encode(), "here")
    assert found[0]["spec"]["containers"][0]["image"] == {"repository": "a"}
