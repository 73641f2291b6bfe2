"""Objects that an update would make as one resource, and then delete as another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.steps.last_update import LastUpdate
from tests.unit.support.planning import impossible, state_of
from tests.unit.support.recording import record, stack_of
from tests.unit.support.stacks import Stack

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x, namespace: shop}\n"
ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: default}\n"
NO_ACCOUNTS: Stack = {"access": {"serviceAccounts": []}}


def with_manifest(directory: Path, text: str) -> Stack:
    """A stack with an add-on."""
    (directory / "own.yaml").write_text(text)
    return stack_of(directory) | {"addons": {"own": {"manifest": str(directory / "own.yaml")}}}


def up(stack: Stack) -> LastUpdate:
    """The cluster after its update, with the namespace of each object that has one."""
    last = state_of(record(stack, preview=False))
    return replace(last, objects={key: _answer(*key, each) for key, each in last.objects.items()})


def _answer(_: str, kind: str, name: str, recorded: Any) -> dict[str, Any]:
    metadata = dict(recorded["metadata"])
    if kind.startswith("Cluster"):
        metadata.pop("namespace", None)
    elif name.startswith(f"{kind}:"):
        metadata.setdefault("namespace", "default")
    return {**recorded, "metadata": metadata}


@pytest.mark.parametrize(
    ("before", "after", "name", "former"),
    [
        (CONFIG_MAP, CONFIG_MAP.replace("x", "x, namespace: default"), "ConfigMap:default/x", "ConfigMap:x"),
        (CONFIG_MAP.replace("x", "x, namespace: default"), CONFIG_MAP, "ConfigMap:x", "ConfigMap:default/x"),
        (ROLE, ROLE.replace(", namespace: shop", ""), "ClusterRole:x", "ClusterRole:shop/x"),
        (ROLE.replace(", namespace: shop", ""), ROLE, "ClusterRole:shop/x", "ClusterRole:x"),
    ],
)
def test_an_object_whose_namespace_is_written_in_another_way_is_refused(
    tmp_path: Path, before: str, after: str, name: str, former: str
) -> None:
    """A newer version of a manifest may name `default`, or no longer name a namespace of a cluster role."""
    last = up(with_manifest(tmp_path, before))
    (problem,) = impossible(with_manifest(tmp_path, after), last)
    assert problem.startswith(f"add-on own: {name} is the object {former} of the last update, which goes")
    assert "name it as before, or leave it out, `pulumi up`, then write it again" in problem
    assert impossible(with_manifest(tmp_path, before), last) == []


def test_an_object_of_another_namespace_is_another_object(tmp_path: Path) -> None:
    """It comes, and the former one goes."""
    last = up(with_manifest(tmp_path, CONFIG_MAP))
    assert impossible(with_manifest(tmp_path, CONFIG_MAP.replace("x", "x, namespace: shop")), last) == []


def test_an_account_goes_between_access_rules_and_an_add_on_in_two_updates(tmp_path: Path) -> None:
    """In one update it would be gone."""
    rule, own = stack_of(tmp_path), with_manifest(tmp_path, ACCOUNT) | NO_ACCOUNTS
    (problem,) = impossible(own, up(rule))
    assert problem.startswith("add-on own: ServiceAccount:default/reader is the object default/reader of the last")
    (problem,) = impossible(rule, up(own))
    assert problem.startswith("access: default/reader is the object ServiceAccount:default/reader of the last update")
    for last in (up(rule), up(own)):
        assert impossible(rule | NO_ACCOUNTS, last) == []
