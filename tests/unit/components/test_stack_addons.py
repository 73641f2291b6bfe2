"""Add-ons of a stack file: applied as the built-in ones, or refused before anything is touched."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.addons import manifests
from components.addons.of_stack import stack_addons
from components.objects.namespaces import namespaces
from components.review.addons import refuse_wrong_addons, removed_warnings
from components.review.owners import taken_access_objects
from components.settings.stack_file import SettingsError, parse_settings
from operations.images._image_list import StackImage, stack_images
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recorded_cluster import Look, settings
from tests.unit.support.recording import Recording, record, stack_of
from tests.unit.support.stacks import full, only_problem

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


def config_map(name: str = "x", namespace: str = "kube-system") -> str:
    """A manifest of one object."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n"


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


def test_status_names_a_workload_of_an_add_on_that_is_missing(look: Look, directory: Path) -> None:
    """With what applies it again."""
    look.settings = settings(**with_manifest({}, directory))
    assert "add-on db: expected the StatefulSet shop-db/db" in look.printed()


def test_status_looks_for_a_workload_that_names_no_namespace_in_default(look: Look, directory: Path) -> None:
    """As the cluster does."""
    text = WELL.replace("name: db, namespace: shop-db", "name: db")
    look.settings = settings(**with_manifest({}, directory, text))
    assert "add-on db: expected the StatefulSet default/db" in look.printed()


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
