"""Numbers among the values of a chart that Helm alters, found in what it renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.addons import charts, helm
from components.addons.numbers import altered_numbers
from components.review.addons import refuse_wrong_addons
from components.settings.stack_file import SettingsError, parse_settings
from tests.unit.support.charts import archive
from tests.unit.support.stacks import full


def config_map(*texts: Any) -> dict[str, Any]:
    """An object with texts."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"all": list(texts)}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1000000, "--limit=1e+06"),
        (1234567, "1.234567e+06"),
        (-12500000, "-1.25e+07 bytes"),
        (10**21, "1e+21"),
        (2000000.5, "2.0000005e+06"),
        (0.00001, "rate 1e-05"),
    ],
)
def test_a_number_with_an_exponent_is_found(value: float, text: str) -> None:
    """Go writes it so where a template puts it into a text."""
    assert list(altered_numbers({"a": [{"b": value}]}, [config_map(text)])) == [
        f"{value} as {text.rpartition('=')[2].removesuffix(' bytes').removeprefix('rate ')} in ConfigMap:x"
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1000000, "1000000"),
        (1000000, 1000000),
        (1000000, "11e+06"),
        (1000000, "1e+061"),
        ("1000000", "1e+06"),
        (999999, "999999"),
        (0.0001, "0.0001"),
        (0, "0"),
        (True, "1e+00"),
    ],
)
def test_a_number_that_stays_is_taken(value: object, text: object) -> None:
    """Charts write it by `int`, or as the number that it is."""
    assert list(altered_numbers({"a": value}, [config_map(text)])) == []


def test_a_number_with_more_digits_than_a_float_has_is_found() -> None:
    """Such as the identifier of a chat."""
    assert list(altered_numbers({"a": 1234567890123456789}, [])) == [
        "1234567890123456789, which Helm takes for 1234567890123456768"
    ]
    beyond = 10**400
    assert list(altered_numbers({"a": beyond}, [config_map("a")])) == [f"{beyond}, which Helm takes for inf"]


def test_a_chart_whose_numbers_are_altered_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is touched, with what to write."""
    monkeypatch.setattr(helm, "rendered", lambda *_: [config_map("--limit=1e+06")])
    monkeypatch.setattr(helm, "rendered_once", lambda *_: [])
    chart = {"archive": str(archive(directory)), "values": {"limit": 1000000}}
    parsed = parse_settings(full(directory) | {"addons": {"db": {"chart": chart}}})
    with pytest.raises(SettingsError) as error:
        refuse_wrong_addons(parsed)
    (problem,) = error.value.problems
    assert "saw 1000000 as 1e+06 in ConfigMap:x" in problem
    assert "Next: write the number in quotes in addons.db.chart.values" in problem
    monkeypatch.setattr(helm, "rendered", lambda *_: [config_map("--limit=1000000")])
    assert len(charts.chart_objects("db", parsed)) == 1
