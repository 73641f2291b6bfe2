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
    parameters = {"release_name": "db", "namespace": "shop", "kube_version": "1.36.3", "values": values}
    return json.dumps(parameters)


@pytest.mark.parametrize("values", [{}, {"replicas": 3, "image": "a/b:1"}, {"hooks": ["pre-delete"], "secret": "x"}])
def test_helm_renders_the_chart_as_the_stand_in_of_the_unit_tests(tmp_path: Path, values: dict[str, Any]) -> None:
    """Definitions too, and nothing of a test; `lookup` finds nothing."""
    chart = archive(tmp_path).read_bytes()
    assert helm.rendered(chart, options(**values)) == stand_in(chart, options(**values))


@pytest.mark.parametrize(("values", "problem"), REFUSED)
def test_helm_refuses_in_words(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    """By the schema of values, by its templates; and what a chart makes up is no data."""
    with pytest.raises(helm.HelmError, match=re.escape(problem)):
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


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\ndata: {{text: {}}}\n"
CHART = "apiVersion: v2\nname: shop\nversion: 1.2.3\ndependencies:\n"


def made(directory: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], options: str) -> dict[str, Any]:
    """Text of each ConfigMap that a chart of these files makes, by name; None for an object of another kind."""
    monkeypatch.setattr(charts, "FILES", {"Chart.yaml": CHART.removesuffix("dependencies:\n"), **files})
    found = helm.rendered_once(archive(directory).read_bytes(), options)
    return {each["metadata"]["name"]: each.get("data", {}).get("text") for each in found}


def test_a_chart_finds_the_api_versions_that_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of Helm name no kinds, and stay."""
    versions = ("watch.example.com/v1", "watch.example.com/v1/Monitor", "apps/v1", "apps/v1/Deployment")
    text = " ".join(f'{{{{ .Capabilities.APIVersions.Has "{each}" }}}}' for each in versions)
    template = {"templates/a.yaml": CONFIG_MAP.format("a", text)}
    given = json.dumps(json.loads(options()) | {"api_versions": list(versions[:2])})
    assert made(tmp_path, monkeypatch, template, options()) == {"a": "false false true false"}
    assert made(tmp_path, monkeypatch, template, given) == {"a": "true true true false"}


def test_charts_in_a_chart_follow_conditions_and_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their definitions; one that is not in the archive is left out without a word, so the program refuses it."""
    named = "- {name: sub, version: 1.0.0, condition: sub.enabled}\n- {name: web, version: 1.0.0, tags: [front]}\n"
    chart = "apiVersion: v2\nname: {}\nversion: 1.0.0\n"
    files = {
        "Chart.yaml": f"{CHART}{named}- {{name: missing, version: 1.0.0}}\n",
        "values.yaml": "sub: {enabled: false, text: x}\ntags: {front: false}\n",
        "charts/sub/Chart.yaml": chart.format("sub"),
        "charts/sub/crds/pools.yaml": charts.DEFINITION,
        "charts/sub/templates/a.yaml": CONFIG_MAP.format("sub", "'{{ .Values.text }}'"),
        "charts/web/Chart.yaml": chart.format("web"),
        "charts/web/templates/a.yaml": CONFIG_MAP.format("web", "w"),
        "templates/a.yaml": CONFIG_MAP.format("a", "z"),
    }
    assert made(tmp_path, monkeypatch, files, options()) == {"a": "z"}
    on = options(sub={"enabled": True, "text": None}, tags={"front": True})
    wanted = {"pools.shop.example.com": None, "sub": "", "web": "w", "a": "z"}
    assert made(tmp_path, monkeypatch, files, on) == wanted


def test_each_update_is_an_installation_for_a_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is null takes a default away; documents without content are none."""
    expression = "'{{ .Release.IsInstall }} {{ .Release.IsUpgrade }} {{ .Release.Revision }} {{ .Values | toJson }}'"
    files = {
        "values.yaml": "keeps: {a: 1, b: 2}\n",
        "templates/a.yaml": f"---\n# nothing\n---\n{CONFIG_MAP.format('a', expression)}---\n",
    }
    assert made(tmp_path, monkeypatch, files, options(keeps={"a": None})) == {"a": 'true false 1 {"keeps":{"b":2}}'}


@pytest.mark.parametrize(
    "text", ['{{ (genCA "shop" 9).Cert | b64enc }}', "{{ uuidv4 }}", "{{ randNumeric 9 | quote }}"]
)
def test_what_a_chart_makes_up_for_a_webhook_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """As Helm would make it up at each upgrade."""
    monkeypatch.setitem(charts.FILES, "templates/a.yaml", CONFIG_MAP.format("ca", text))
    with pytest.raises(helm.HelmError, match="ConfigMap ca, which is another one at each run"):
        helm.rendered(archive(tmp_path).read_bytes(), options())


def test_objects_of_a_list_get_no_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list gets that of the release: the program gives it to them."""
    item = "{apiVersion: v1, kind: ConfigMap, metadata: {name: inner}}"
    monkeypatch.setitem(charts.FILES, "templates/list.yaml", f"apiVersion: v1\nkind: List\nitems: [{item}]\n")
    found = helm.rendered(archive(tmp_path).read_bytes(), options())
    (inner,) = next(each for each in found if each["kind"] == "List")["items"]
    assert "namespace" not in inner["metadata"]
