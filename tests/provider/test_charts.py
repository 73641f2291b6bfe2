"""Helm in the Kubernetes provider, held to what add-ons need of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.addons import helm
from components.addons.numbers import altered_numbers
from local.paths import TOOL_CHAIN_BIN
from tests.unit.support import charts
from tests.unit.support.charts import REFUSED, archive, stand_in


@pytest.fixture(autouse=True)
def _provider_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(TOOL_CHAIN_BIN), prepend=":")


def options(**values: Any) -> str:
    """Options of the add-on `db`."""
    asked = {"release_name": "db", "namespace": "shop", "kube_version": "1.36.3", "values": values}
    return json.dumps(asked)


@pytest.mark.parametrize("values", [{}, {"replicas": 3, "image": "a/b:1"}, {"hooks": ["pre-delete"], "secret": "x"}])
def test_helm_renders_the_chart_as_the_stand_in_of_the_unit_tests(tmp_path: Path, values: dict[str, Any]) -> None:
    """Definitions too, and nothing of a test; `lookup` finds nothing."""
    chart = archive(tmp_path).read_bytes()
    assert helm.rendered(chart, options(**values)) == stand_in(chart, options(**values))


@pytest.mark.parametrize(("values", "said"), REFUSED)
def test_helm_refuses_in_words(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    """By the schema of values, by its templates; and what a chart makes up is no data."""
    with pytest.raises(helm.HelmError, match=re.escape(said)):
        helm.rendered(archive(tmp_path).read_bytes(), options(**values))


def test_a_chart_for_another_kubernetes_is_refused(tmp_path: Path) -> None:
    """By its own `kubeVersion`."""
    with pytest.raises(helm.HelmError, match=r"incompatible with Kubernetes v1\.23\.0"):
        helm.rendered(archive(tmp_path).read_bytes(), options().replace("1.36.3", "1.23.0"))


def test_what_is_no_archive_is_refused() -> None:
    """Such as the page of a web server."""
    with pytest.raises(helm.HelmError, match="does not appear to be a gzipped archive"):
        helm.rendered(b"<html>", options())


@pytest.mark.parametrize(
    ("number", "is_altered"), [(999999, 0), (1000000, 1), (1234567, 1), (-12500000, 1), (1e-05, 1)]
)
def test_a_number_is_found_as_helm_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: float, is_altered: int
) -> None:
    """In a text of an object."""
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: limit}\ndata: {limit: 'at {{ .Values.limit }}'}\n"
    monkeypatch.setitem(charts.FILES, "templates/limit.yaml", template)
    objects = helm.rendered(archive(tmp_path).read_bytes(), options(limit=number))
    assert len(list(altered_numbers({"limit": number}, objects))) == is_altered


def test_objects_of_a_list_get_no_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list gets that of the release: the program refuses it."""
    item = "{apiVersion: v1, kind: ConfigMap, metadata: {name: inner}}"
    monkeypatch.setitem(charts.FILES, "templates/list.yaml", f"apiVersion: v1\nkind: List\nitems: [{item}]\n")
    found = helm.rendered(archive(tmp_path).read_bytes(), options())
    (inner,) = next(each for each in found if each["kind"] == "List")["items"]
    assert "namespace" not in inner["metadata"]
