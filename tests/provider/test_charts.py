"""Helm in the Kubernetes provider, held to what add-ons need of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.addons import helm
from local.paths import TOOL_CHAIN_BIN
from tests.unit.support.charts import archive, stand_in


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


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": "three"}, "at '/replicas': got string, want integer"),
        ({"fails": True}, "no such size"),
        ({"random": True}, "ConfigMap random, which is another one at each run"),
    ],
)
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
