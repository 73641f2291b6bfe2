"""Objects in the Kubernetes provider, held to what a change of them needs of it: no cluster is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from components.addons import helm
from components.cluster_access import CHANGES_IN_PLACE, resource_type
from components.review.changed_objects import CLAIM, REPLACING
from local.paths import TOOL_CHAIN_BIN


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A provider that would write objects to files."""
    monkeypatch.setenv("PATH", str(TOOL_CHAIN_BIN), prepend=":")
    with helm._provider(tmp_path, "") as found:
        yield found


def replaced(provider: Any, directory: Path, before: dict[str, Any], after: dict[str, Any], **given: Any) -> list[str]:
    """The fields for which the provider deletes an object, and makes another one."""
    variables = {
        "renderYamlToDirectory": str(directory),
        **{_camel(name): json.dumps(on) for name, on in given.items()},
    }
    named = {f"kubernetes:config:{name}": text for name, text in variables.items()}
    provider.Configure(provider_pb2.ConfigureRequest(acceptSecrets=True, acceptResources=True, variables=named))
    request = provider_pb2.DiffRequest(
        id="x",
        urn=f"urn:pulumi:stack::project::{resource_type(before['apiVersion'], before['kind'])}::x",
        olds=_struct({**before, "__inputs": before}),
        old_inputs=_struct(before),
        news=_struct(after),
    )
    return list(provider.Diff(request).replaces)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_changed_content_replaces_no_object(provider: Any, tmp_path: Path, kind: str) -> None:
    """Without these inputs the provider deletes it first."""
    before: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}}
    before["data"] = {"a": "Yg=="}
    after = {**before, "data": {"a": "Yw=="}}
    assert replaced(provider, tmp_path, before, after)
    assert not replaced(provider, tmp_path, before, after, **CHANGES_IN_PLACE)


VALUES: dict[str, tuple[Any, Any]] = {
    "accessModes": (["ReadWriteOnce"], ["ReadWriteMany"]),
    "revisionHistoryLimit": (1, 2),
    "selector": ({"matchLabels": {"a": "b"}}, {"matchLabels": {"a": "c"}}),
    "volumeClaimTemplates": ([{"spec": {"storageClassName": "a"}}], [{"spec": {"storageClassName": "b"}}]),
}


@pytest.mark.parametrize("kind", REPLACING)
def test_the_plan_knows_which_fields_replace_an_object(provider: Any, tmp_path: Path, kind: str) -> None:
    """And a claim may grow."""

    def is_replaced(field: str, old: Any, new: Any) -> bool:
        of = {"apiVersion": "v1" if kind == CLAIM else "apps/v1", "kind": kind, "metadata": {"name": "x"}}
        before, after = ({**of, "spec": {field: value}} for value in (old, new))
        return bool(replaced(provider, tmp_path, before, after))

    assert [field for field in REPLACING[kind] if not is_replaced(field, *VALUES.get(field, ("a", "b")))] == []
    assert not is_replaced("replicas", 1, 2)
    assert not is_replaced("resources", {"requests": {"storage": "1Gi"}}, {"requests": {"storage": "2Gi"}})
