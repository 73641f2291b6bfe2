"""Add-ons of a stack file are applied as the built-in ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.addons import manifests
from components.addons.of_stack import stack_addons
from components.objects.namespaces import namespaces
from components.settings.stack_file import parse_settings
from operations.images._image_list import StackImage, stack_images
from tests.unit.support.addons import HELPER, OBJECTS, WELL, with_manifest
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recorded_cluster import Look, settings
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import full


@pytest.fixture(scope="module")
def run(directory: Path) -> Recording:
    """An update with the add-on."""
    return record(with_manifest(stack_of(directory, "node2"), directory, images=[HELPER]), preview=False)


def test_every_object_of_a_manifest_is_a_resource(run: Recording) -> None:
    """Those of a list too; a namespace is one of the stack's."""
    assert run.of_addons.keys() == OBJECTS


def test_objects_are_applied_in_the_order_in_which_they_need_each_other(run: Recording) -> None:
    """Definitions and plain objects, then workloads, then objects of a defined kind, which a workload may check."""
    found = run.of_addons
    namespace = next(each for each in run.of_type("kubernetes:core/v1:Namespace") if each.name == "shop-db")
    (whole,) = run.of_type("kubeadm:index:Namespaces")
    assert whole.urn in found["ConfigMap:shop-db/helper"].request.dependencies or (
        namespace.urn in found["ConfigMap:shop-db/helper"].request.dependencies
    )
    (gate,) = [each for each in run.resources if each.name == "db/configured"]
    assert {found[name].urn for name in OBJECTS if name[0] == "C"} <= set(gate.request.dependencies)
    assert gate.urn in found["StatefulSet:shop-db/db"].request.dependencies
    assert found["StatefulSet:shop-db/db"].urn in found["Pool:shop-db/first"].request.dependencies


def test_workloads_are_waited_for_within_a_bound(run: Recording) -> None:
    """As those of built-in add-ons."""
    assert run.of_addons["StatefulSet:shop-db/db"].request.customTimeouts.create == "5m"


def test_definitions_and_namespaces_stay_when_the_add_on_goes(run: Recording) -> None:
    """With them would go all that anybody made of them or in them."""
    stays = {each.name for each in run.resources if each.request.retainOnDelete}
    assert {"shop-db", "CustomResourceDefinition:pools.example.com"} <= stays
    assert not stays & (OBJECTS - {"CustomResourceDefinition:pools.example.com"})


def test_images_are_rewritten_in_containers_and_where_the_add_on_names_them(run: Recording) -> None:
    """A longer name that begins alike is another image."""
    found = run.of_addons
    (container,) = manifests.containers(found["StatefulSet:shop-db/db"].inputs)
    assert container["image"] == "hub.example.com/docker/library/postgres:17"
    assert found["ConfigMap:shop-db/helper"].inputs["data"]["pod.yaml"].splitlines() == [
        "image: hub.example.com/docker/library/busybox:1.36",
        "other: docker.io/library/busybox:1.36.1",
    ]


def test_an_image_that_is_a_volume_is_rewritten_and_listed(directory: Path) -> None:
    """As that of a container: the kubelet pulls it. Other volumes are left alone."""
    volumes = "volumes: [{name: a, image: {reference: quay.io/a/model:1}}, {name: b, emptyDir: {}}]\n      containers:"
    stack = full(directory) | {"images": {"rewrite": {"quay.io": "hub.example.com/quay"}}}
    parsed = parse_settings(with_manifest(stack, directory, WELL.replace("containers:", volumes)))
    assert StackImage("quay.io/a/model:1", "hub.example.com/quay/a/model:1") in stack_images(parsed)
    (addon,) = stack_addons(parsed)
    (found,) = [each for each in addon.objects(parsed) if each["kind"] == "StatefulSet"]
    first, second = found["spec"]["template"]["spec"]["volumes"]
    assert (first["image"], second["emptyDir"]) == ({"reference": "hub.example.com/quay/a/model:1"}, {})


def test_a_date_in_a_manifest_is_text(run: Recording) -> None:
    """As Kubernetes reads it."""
    assert run.of_addons["ConfigMap:shop-db/helper"].inputs["metadata"]["annotations"]["since"] == "2026-01-21"


def test_images_of_add_ons_are_listed_and_mirrored(directory: Path) -> None:
    """`make images` and `make mirror` read one list."""
    parsed = parse_settings(with_manifest(full(directory), directory, images=[HELPER]))
    listed = stack_images(parsed)
    for image in (HELPER, "docker.io/library/postgres:17"):
        assert StackImage(image, image.replace("docker.io", "hub.example.com/docker")) in listed


@pytest.mark.parametrize(
    ("own", "level"), [({}, "privileged"), ({"podSecurity": {"shop-db": "restricted"}}, "restricted")]
)
def test_a_namespace_has_the_labels_of_its_manifest_and_the_level_of_the_stack(
    directory: Path, own: dict[str, Any], level: str
) -> None:
    """The level of the manifest counts where the stack file has none."""
    parsed = parse_settings(with_manifest(full(directory), directory) | {"access": own})
    (found,) = [each for each in namespaces(parsed) if each.name == "shop-db"]
    labels = found.inputs["metadata"]["labels"]
    assert (labels["team"], labels["pod-security.kubernetes.io/enforce"]) == ("shop", level)


@pytest.mark.parametrize("more", ["", ", labels: , annotations: , creationTimestamp: "])
def test_a_namespace_of_a_manifest_without_a_level_is_not_open(directory: Path, more: str) -> None:
    """As every namespace of the stack; kubectl prints fields without a value."""
    text = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: plain{more}}}\n"
    parsed = parse_settings(with_manifest(full(directory), directory, text))
    (found,) = [each for each in namespaces(parsed) if each.name == "plain"]
    assert found.sent["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


def test_a_namespace_is_applied_without_what_the_server_wrote(directory: Path) -> None:
    """As each object that `kubectl get --output yaml` printed: the API refuses fields of its own."""
    text = """\
apiVersion: v1
kind: Namespace
metadata: {name: plain, uid: 1-2, resourceVersion: '5', managedFields: [{manager: kubectl}], labels: {team: shop}}
"""
    parsed = parse_settings(with_manifest(full(directory), directory, text))
    (found,) = [each for each in namespaces(parsed) if each.name == "plain"]
    assert found.sent["metadata"].keys() == {"name", "labels", "annotations"}
    assert found.sent["metadata"]["labels"]["team"] == "shop"


def test_the_plan_names_an_add_on_that_comes_changes_and_goes(directory: Path) -> None:
    """The plan names a definition and a namespace as objects that stay."""
    with_it = with_manifest(stack_of(directory), directory)
    before, after = (state_of(record(stack, preview=False)) for stack in (stack_of(directory), with_it))
    assert planned(with_it, before) == ["add-on db: is applied", "namespace shop-db: is created"]
    assert planned(with_it, after) == ["nothing is done to any node"]
    changed = with_manifest(stack_of(directory), directory, WELL.replace("postgres:17", "postgres:18"))
    assert planned(changed, after) == ["add-on db: StatefulSet:shop-db/db changes"]
    assert planned(stack_of(directory), after) == [
        "ConfigMap:shop-db/helper: no add-on has it any more; it is deleted",
        "CustomResourceDefinition:pools.example.com: no add-on has it any more; it stays",
        "Pool:shop-db/first: no add-on has it any more; it is deleted",
        "StatefulSet:shop-db/db: no add-on has it any more; it is deleted",
        "namespace shop-db: no setting names it any more; it stays, with every object in it",
    ]


def test_status_names_a_workload_of_an_add_on_that_is_missing(look: Look, directory: Path) -> None:
    """With what applies it again."""
    look.settings = settings(**with_manifest({}, directory))
    assert "add-on db: expected the StatefulSet shop-db/db" in look.printed()


def test_status_looks_for_a_workload_that_names_no_namespace_in_default(look: Look, directory: Path) -> None:
    """As the cluster does."""
    text = WELL.replace("name: db, namespace: shop-db", "name: db")
    look.settings = settings(**with_manifest({}, directory, text))
    assert "add-on db: expected the StatefulSet default/db" in look.printed()
