"""The plan has a line for each Kubernetes object that comes, changes or goes."""

from __future__ import annotations

import base64
import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.review.changed_objects import ADDRESSES, KINDS, LABELS
from components.steps.last_update import LastUpdate
from tests.unit.components.test_changes import CHANGES, Change
from tests.unit.support.planning import planned, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack

NOTHING = ["nothing is done to any node"]
ROLE: dict[str, Any] = {"name": "deployer", "namespace": "shop", "rules": [{"resources": ["pods"], "verbs": ["get"]}]}
ADDRESSES_OF_NODES = ("", ADDRESSES, "kube-system/pulumi-kubeadm-nodes")
"""Changes with the hosts, each of which has a line of its own."""
PULL_SECRET = ("", "Secret", "shop/registry-credentials")


def stack_with_every_kind(directory: Path) -> Stack:
    """A stack file whose cluster has an object of each kind that this project makes."""
    stack = stack_of(directory, "node2", "node3", version="1.35.4")
    stack["hosts"]["node2"]["labels"] = {"zone": "b"}
    robot = {"name": "robot", "namespace": "ci", "longLivedToken": True, "namespaceRoles": {"shop": "edit"}}
    accounts = [{"name": "admin-user", "clusterRole": "cluster-admin"}, robot]
    cluster_role = {"name": "reader", "rules": ROLE["rules"], "users": ["ann"], "groups": ["team"]}
    stack["access"] = {"serviceAccounts": accounts, "roles": [ROLE, cluster_role]}
    return stack


@pytest.fixture(scope="module")
def last(directory: Path) -> LastUpdate:
    """The last update of that stack file."""
    return state_of(record(stack_with_every_kind(directory), preview=False))


@pytest.fixture
def stack(directory: Path) -> Stack:
    """The same stack file."""
    return stack_with_every_kind(directory)


def with_object(last: LastUpdate, key: tuple[str, str, str], inputs: Mapping[str, Any] | None) -> LastUpdate:
    """The last update with another object of this kind and name, or without the object."""
    others = {each: value for each, value in last.objects.items() if each != key}
    return dataclasses.replace(last, objects=others if inputs is None else {**others, key: inputs})


def is_of_addon(kind: str, name: str) -> bool:
    """An object of an add-on has its kind in its name."""
    return name.startswith(f"{kind}:")


def test_every_kind_of_object_has_a_word(last: LastUpdate) -> None:
    """A kind that a component begins to make needs an entry of the table, or is an object of an add-on."""
    assert {kind for _, kind, name in last.objects if not is_of_addon(kind, name)} == {*KINDS, LABELS, ADDRESSES}


def test_no_object_that_stays_as_it_is_has_a_line(stack: Stack, last: LastUpdate) -> None:
    """An object that the plan does not know would be announced as deleted."""
    assert planned(stack, last) == NOTHING


def test_every_object_that_is_missing_is_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """An object that a user deleted, or that an update did not reach, is created."""
    for group, kind, name in last.objects.keys() - {ADDRESSES_OF_NODES}:
        (line,) = planned(stack, with_object(last, (group, kind, name), None))
        assert name in line, (kind, name)
        assert (": is created" in line) == (kind != LABELS and not is_of_addon(kind, name))


def test_every_object_that_changes_is_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """A field that the stack file no longer has is the smallest change."""
    for group, kind, name in last.objects.keys() - {ADDRESSES_OF_NODES}:
        before = copy.deepcopy(dict(last.objects[group, kind, name]))
        before["metadata"].setdefault("labels", {})["former"] = "yes"
        (line,) = planned(stack, with_object(last, (group, kind, name), before))
        assert name in line, (kind, name)
        assert (": changes in metadata" in line) == (kind != LABELS and not is_of_addon(kind, name))


def test_every_object_that_no_setting_wants_is_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """Labels go with their node, which has a line of its own; objects of others stay where deletion would take data."""
    for (group, kind, name), inputs in last.objects.items():
        if kind not in {LABELS, ADDRESSES}:
            (line,) = planned(stack, with_object(last, (group, kind, f"{name}-former"), inputs))
            assert f"{name}-former: " in line, (kind, name)
            assert line.endswith("stays, with every object in it" if kind == "Namespace" else "is deleted")


def test_definitions_of_objects_stay(stack: Stack, last: LastUpdate) -> None:
    """As the component registers them: deleting a definition would delete every object of its kind."""
    key = ("apiextensions.k8s.io", "CustomResourceDefinition", "CustomResourceDefinition:ippools.example.com")
    assert planned(stack, with_object(last, key, {})) == [f"{key[-1]}: no add-on has it any more; it stays"]


@pytest.mark.parametrize(("change", "changed"), CHANGES.values(), ids=CHANGES)
def test_no_change_of_a_stack_file_is_called_nothing(
    directory: Path, of_changes: LastUpdate, change: Change, changed: set[str]
) -> None:
    """The plan is silent only about a stack file that changes no resource."""
    stack = stack_of(directory, "node2", "node3")
    change(stack)
    assert (planned(stack, of_changes) == NOTHING) == (not changed)


@pytest.fixture(scope="module")
def of_changes(directory: Path) -> LastUpdate:
    """The last update before each of CHANGES."""
    return state_of(record(stack_of(directory, "node2", "node3"), preview=False))


def test_a_binding_is_announced_with_its_role_and_its_subjects(stack: Stack, last: LastUpdate) -> None:
    """A reviewer sees who gets which rights."""
    stack["access"]["roles"][0] = ROLE | {"users": ["eve"], "serviceAccounts": ["ci/robot"]}
    stack["access"]["serviceAccounts"][1]["clusterRole"] = "cluster-admin"
    stack["access"]["serviceAccounts"][1]["namespaceRoles"] = {"shop": "view"}
    assert planned(stack, last) == [
        "binding in the whole cluster robot: is created: cluster-admin for service account ci/robot",
        "binding shop/robot: changes in role: view for service account ci/robot",
        "binding shop/deployer: changes in subjects: deployer for user eve, service account ci/robot",
    ]


def test_rules_that_change_are_in_the_plan(stack: Stack, last: LastUpdate) -> None:
    """The diff below the plan shows which."""
    stack["access"]["roles"][0] = ROLE | {"rules": [{"resources": ["pods"], "verbs": ["get", "delete"]}]}
    assert planned(stack, last) == ["role shop/deployer: changes in rules"]


def test_a_namespace_goes_only_with_its_add_on(stack: Stack, last: LastUpdate) -> None:
    """Another namespace stays when no setting names it, and with it all that is there."""
    stack["dashboard"] = {"kind": "none"}
    stack["access"] = {"serviceAccounts": [], "roles": [ROLE]}
    lines = [line for line in planned(stack, last) if line.startswith("namespace")]
    assert lines == [
        "namespace ci: no setting names it any more; it stays, with every object in it",
        "namespace kubernetes-dashboard: is deleted, with every object in it",
    ]


def test_a_secret_is_compared_as_the_provider_records_it(stack: Stack, last: LastUpdate) -> None:
    """In Base64, under another field; and no password is in the plan."""
    recorded = dict(last.objects[PULL_SECRET])
    content = recorded.pop("stringData")[".dockerconfigjson"]
    recorded["data"] = {".dockerconfigjson": base64.b64encode(content.encode()).decode()}
    as_real = with_object(last, PULL_SECRET, {"__inputs": recorded})
    assert planned(stack, as_real) == NOTHING
    lines = planned(stack, as_real, "fish-sword")
    assert lines[-1] == "secret shop/registry-credentials: changes in content"
    assert "fish-sword" not in "".join(lines)


def test_a_new_cluster_has_no_lines_of_objects(stack: Stack) -> None:
    """Each host says what it becomes; the diff shows the objects."""
    assert len(planned(stack, LastUpdate())) == 3


def test_each_object_has_an_owner_that_is_the_same_in_each_state(last: LastUpdate) -> None:
    """In a restored cluster the API refuses a field that another owner applied with another value."""
    owners = {key: inputs["metadata"].get("annotations", {}) for key, inputs in last.objects.items()}
    kept = [key for key, each in owners.items() if "pulumi.com/patchFieldManager" not in each]
    owned = {("", "ServiceAccount", "ci/robot"), ("rbac.authorization.k8s.io", "Role", "shop/deployer")}
    assert {*owners} - {*kept} >= {ADDRESSES_OF_NODES, *owned}
    assert [key for key in kept if not key[1].endswith("Patch")] == []
    assert [key for key, each in owners.items() if "pulumi.com/patchForce" in each] == []
