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
from components.review.changed_objects import CLAIM, OF_IMMUTABLE, REPLACING
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
    "parallelism": (1, 2),
    "completions": (1, 2),
    "parameters": ({"a": "b"}, {"a": "c"}),
    "revisionHistoryLimit": (1, 2),
    "roleRef": ({"name": "a"}, {"name": "b"}),
    "scopes": (["Terminating"], ["BestEffort"]),
    "selector": ({"matchLabels": {"a": "b"}}, {"matchLabels": {"a": "c"}}),
    "spec": ({"containers": [{"name": "a", "image": "b"}]}, {"containers": [{"name": "a", "image": "c"}]}),
    "template": ({"spec": {"containers": []}}, {"spec": {"containers": [], "restartPolicy": "Never"}}),
    "volumeClaimTemplates": ([{"spec": {"storageClassName": "a"}}], [{"spec": {"storageClassName": "b"}}]),
    **dict.fromkeys(("hostPath", "local", "nfs"), ({"path": "/a"}, {"path": "/b"})),
    "csi": ({"driver": "a"}, {"driver": "b"}),
    "iscsi": ({"iqn": "a"}, {"iqn": "b"}),
    **dict.fromkeys(("data", "binaryData"), ({"a": "YQ=="}, {"a": "Yg=="})),
}


def is_replaced(provider: Any, directory: Path, kind: tuple[str, str], field: str, *values: Any) -> bool:
    """True where the provider deletes an object whose field gets another value, and makes another object."""
    of: dict[str, Any] = {"apiVersion": f"{kind[0]}/v1".removeprefix("/"), "kind": kind[1], "metadata": {"name": "x"}}
    of |= {"immutable": True} if kind in OF_IMMUTABLE else {}
    for_field = (
        (lambda value: {"spec": {field[5:]: value}}) if field.startswith("spec.") else lambda value: {field: value}
    )
    before, after = ({**of, **for_field(value)} for value in values)
    return bool(replaced(provider, directory, before, after, **CHANGES_IN_PLACE))


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind, fields in {**REPLACING, **OF_IMMUTABLE}.items() for field in fields],
)
def test_the_plan_knows_which_fields_replace_an_object(
    provider: Any, tmp_path: Path, kind: tuple[str, str], field: str
) -> None:
    """Of an object of each kind."""
    assert is_replaced(provider, tmp_path, kind, field, *VALUES.get(field.removeprefix("spec."), ("a", "b")))


def test_other_fields_change_in_place(provider: Any, tmp_path: Path) -> None:
    """A claim may grow, too."""
    assert not is_replaced(provider, tmp_path, ("apps", "Deployment"), "spec.replicas", 1, 2)
    assert not is_replaced(provider, tmp_path, ("", "Service"), "spec.type", "ClusterIP", "NodePort")
    sizes = ({"requests": {"storage": size}} for size in ("1Gi", "2Gi"))
    assert not is_replaced(provider, tmp_path, ("", CLAIM), "spec.resources", *sizes)
