"""A stack file may hold anything: it is refused, or means what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import Settings
from components.settings.stack_file import parse_settings
from tests.unit.support.stacks import KEY, Stack, only_problem, outcome, problems, smallest

HOSTILE = [
    "[key]",
    "~nobody/x",
    "a b",
    'a"b',
    "a'b",
    "$(reboot)",
    "`reboot`",
    "a\nb",
    "a\n",
    "a;b",
    "..",
    "-x",
    "a\x1b[2J",
    "a\\b",
    "a,b=c",
    "",
    "\u0661",
]


def _rename_host(stack: Stack, value: str) -> None:
    stack["hosts"][value] = stack["hosts"].pop("node1")


def _set_label_key(stack: Stack, value: str) -> None:
    stack["hosts"]["node1"]["labels"] = {value: "x"}


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "put",
    [
        pytest.param(_rename_host, id="host name"),
        pytest.param(_set_label_key, id="label key"),
        pytest.param(lambda stack, value: stack["cluster"].update(name=value), id="cluster name"),
        pytest.param(
            lambda stack, value: stack.update(containerd={"registries": {value: {}}}),
            id="registry",
        ),
        pytest.param(lambda stack, value: stack.update(containerd={"package": value}), id="package"),
        pytest.param(
            lambda stack, value: stack.update(ssh={"bastion": {"address": value, "hostKey": f"{KEY}9"}}), id="bastion"
        ),
        pytest.param(lambda stack, value: stack["cluster"].update(controlPlaneEndpoint=value), id="endpoint"),
        pytest.param(lambda stack, value: stack.update(system={"modules": [value]}), id="module"),
        pytest.param(lambda stack, value: stack.update(system={"sysctl": {value: 1}}), id="sysctl"),
        pytest.param(lambda stack, value: stack["cluster"].update(ignorePreflightErrors=[value]), id="ignored error"),
    ],
)
def test_a_hostile_name_is_refused(put: Callable[[Stack, str], Any], value: str) -> None:
    """Scripts split these at spaces and commas."""
    stack = smallest()
    put(stack, value)
    assert problems(stack)


@pytest.mark.parametrize("value", [value for value in HOSTILE if value])
def test_a_hostile_label_value_is_refused(value: str) -> None:
    """A comma in it would make a second label; Kubernetes takes none of the others either."""
    stack = smallest()
    stack["hosts"]["node1"]["labels"] = {"example.com/zone": value}
    assert only_problem(stack).startswith("hosts.node1.labels.example.com/zone: ")


def test_ordinary_labels_are_taken() -> None:
    """With and without a prefix, and an empty value."""
    stack = smallest()
    labels = {"zone": "a-1_B.2", "node-role.kubernetes.io/worker": "", "topology.kubernetes.io/rack": "7"}
    stack["hosts"]["node1"]["labels"] = labels
    assert parse_settings(stack).control_planes[0].labels == labels


def _sections() -> st.SearchStrategy[dict[Any, Any]]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE)
    known = st.sampled_from(sorted(_names(Settings.model_json_schema())))
    values = st.recursive(
        scalars | st.sampled_from(["192.0.2.7", "10.0.0.0/8", "control-plane", "/dev/null", "https://example.com"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(), inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(known | st.text() | st.integers(), values, max_size=6)


def _names(schema: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        for value in schema.values():
            found |= _names(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= _names(value)
    return found


@given(raw=_sections())
def test_any_mapping_gives_settings_or_a_list_of_problems(raw: dict[Any, Any]) -> None:
    """Never a traceback."""
    assert isinstance(found := outcome(raw), Settings) or found


@given(extra=_sections(), host=_sections())
def test_any_change_of_a_valid_stack_gives_settings_or_a_list_of_problems(
    extra: dict[Any, Any], host: dict[Any, Any]
) -> None:
    """Never a traceback, in what is only looked at when every field is right either."""
    stack = json.loads(json.dumps(smallest())) | extra
    if isinstance(stack["hosts"], dict):
        stack["hosts"]["node2"] = {"address": "192.0.2.12", "hostKey": "x", **host}
    assert isinstance(found := outcome(stack), Settings) or found
