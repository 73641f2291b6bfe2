"""Diagrams of docs/architecture.md: rows by dependency, no arrow through a box, graphs from text and from code."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from local.paths import REPOSITORY
from operations.stack._diagram import BOX_HEIGHT, BOX_WIDTH, Graph, diagram, reduced
from operations.stack._graphs import graph_of, imports

SVG = "{http://www.w3.org/2000/svg}"
GRAPHS = {
    "order": graph_of((REPOSITORY / "docs" / "pictures" / "order.graph").read_text()),
    "imports": imports(REPOSITORY),
}


def boxes(drawn: ET.Element) -> list[tuple[float, float]]:
    """Middle and upper edge of each box."""
    found = [each for each in drawn.iter(f"{SVG}rect") if each.get("class") == "box"]
    return [(float(each.get("x", "")) + BOX_WIDTH / 2, float(each.get("y", ""))) for each in found]


def drawing(graph: Graph) -> ET.Element:
    """The parsed drawing of a graph."""
    return ET.fromstring(diagram(graph, "a <title>"))  # noqa: S314 - our own text


@pytest.mark.parametrize("name", GRAPHS)
def test_no_two_boxes_share_a_cell_and_no_arrow_crosses_a_box(name: str) -> None:
    """An arrow through a box would seem to come from it."""
    drawn = drawing(GRAPHS[name])
    places = boxes(drawn)
    assert len(set(places)) == len(places) == len(GRAPHS[name])
    edges = [each.get("d", "") for each in drawn.iter(f"{SVG}path") if each.get("class") == "edge"]
    assert len(edges) == sum(map(len, reduced(GRAPHS[name]).values()))
    for edge in edges:
        x, bend, end = map(float, re.findall(r"([0-9.]+) ([0-9.]+)V([0-9.]+)$", edge)[0])
        assert [y for middle, y in places if middle == x and bend < y + BOX_HEIGHT and y < end] == []


def test_a_dependency_that_follows_from_others_has_no_arrow() -> None:
    """The rest of the graph stays."""
    graph = graph_of("# a remark\nh/a:\nh/b: h/a\nh/c: h/a, h/b\n")
    assert reduced(graph) == {"h/a": frozenset(), "h/b": frozenset({"h/a"}), "h/c": frozenset({"h/b"})}


def test_a_circle_is_named() -> None:
    """Two parts that import each other are an error of the code."""
    with pytest.raises(ValueError, match="a circle: h/a -> h/b -> h/a"):
        diagram(graph_of("h/a: h/b\nh/b: h/a\n"), "t")


def test_what_needs_another_stands_below_it() -> None:
    """Nodes without a dependency are in the first row; the text of a node is XML."""
    drawn = drawing(graph_of("h/a:\ni/<b>: h/a\ni/c:\n"))
    (_, a), (_, b), (_, c) = boxes(drawn)
    assert a == c < b
    assert [text.text for text in drawn.iter(f"{SVG}text")] == ["a <title>", "h", "i", "a", "<b>", "c"]


def test_an_import_is_an_arrow_between_folders(tmp_path: Path) -> None:
    """Modules of components are parts of their own, and imports within a folder are none."""
    files = {
        "__main__.py": "from components.cluster import Cluster",
        "components/cluster.py": "from components.steps import wanted\nfrom components.steps.step import Step",
        "components/steps/wanted.py": "from components.steps.step import Step",
        "components/steps/step.py": "import json",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert imports(tmp_path) == {
        "program/__main__": frozenset(),
        "components/cluster": frozenset({"program/__main__"}),
        "components/steps": frozenset({"components/cluster"}),
    }
