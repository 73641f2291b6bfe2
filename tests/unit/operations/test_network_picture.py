"""Pictures of machines and their network: each port of the list that a stack uses, and nothing that covers another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from components.settings.ports import LOCAL_PORTS, PORTS, WORKERS
from components.settings.stack_file import parse_settings
from local.paths import REPOSITORY
from operations.stack._diagram import CHARACTER
from operations.stack._network import ONE, THREE, WAYS, network
from tests.e2e.tutorials import OWN_MACHINES, settings_of
from tests.unit.support.stacks import Stack

SVG = "{http://www.w3.org/2000/svg}"
THREE_CONTROL_PLANES = "docs/tutorials/three-control-planes.md"
STACKS: dict[str, Stack] = {
    "one": ONE,
    "three": THREE,
    "all": {
        **THREE,
        "dashboard": {"kind": "kubernetes-dashboard", "metricsScraperHostNetwork": True},
        "metricsServer": {"hostNetwork": True},
        "metallb": {"addresses": ["192.0.2.96/30"]},
    },
}


def drawing(stack: Stack) -> ET.Element:
    """The parsed drawing of a stack."""
    return ET.fromstring(network(parse_settings(stack), "a <title>"))  # noqa: S314 - our own text


def texts(drawn: ET.Element) -> str:
    """All text as words, across the ends of lines."""
    return " ".join(each.text or "" for each in drawn.iter(f"{SVG}text"))


def edges(drawn: ET.Element) -> Iterator[tuple[float, float, float, float]]:
    """Begin and end of each arrow."""
    for each in drawn.iter(f"{SVG}path"):
        if (each.get("class") or "").startswith("edge"):
            x, y, to_x, to_y = map(float, re.findall(r"[\d.]+", each.get("d", "")))
            yield x, y, to_x, to_y


def places(drawn: ET.Element) -> Iterator[tuple[float, float, float, float]]:
    """Left, upper, right and lower edge of each text, as wide as the widest font has it."""
    for each in drawn.iter(f"{SVG}text"):
        width = len(each.text or "") * CHARACTER
        left = float(each.get("x", "")) - (width / 2 if each.get("text-anchor") == "middle" else 0)
        y = float(each.get("y", ""))
        yield left, y - 10, left + width, y + 3


@pytest.mark.parametrize("name", STACKS)
def test_the_picture_has_each_port_that_the_stack_uses_and_no_other(name: str) -> None:
    """By its number and by what listens."""
    settings, shown = parse_settings(STACKS[name]), texts(drawing(STACKS[name]))
    for port in PORTS:
        words = f"{port.protocol} {port.number} {port.program}"
        is_shown = re.search(rf"{re.escape(words)}(?![-\w])", shown) is not None
        others = [
            each
            for each in PORTS
            if each.is_used(settings) and words == f"{each.protocol} {each.number} {each.program}"
        ]
        assert is_shown == bool(others), words
    for host in settings.hosts.values():
        assert f"{host.name} {host.address}" in shown


def test_a_worker_of_several_control_planes_has_its_load_balancer() -> None:
    """The address at which its kubelet finds the API."""
    (balancer,) = [port for port in LOCAL_PORTS if port.source == WORKERS]
    words = f"{balancer.program} {balancer.target}:{balancer.number}"
    assert texts(drawing(THREE)).count(words) == 2
    assert words not in texts(drawing(ONE))
    assert "cluster.vip 192.0.2.100" in texts(drawing(THREE))


def test_each_way_between_two_groups_has_an_arrow() -> None:
    """A port between two others would be in the table of docs/hosts.md only."""
    assert {(port.source, port.target) for port in PORTS} == WAYS


@pytest.mark.parametrize("name", STACKS)
def test_no_text_covers_another_leaves_the_picture_or_is_crossed(name: str) -> None:
    """Whatever the font: each character is as wide as the widest."""
    drawn = drawing(STACKS[name])
    _, _, width, height = map(float, drawn.get("viewBox", "").split())
    found = list(places(drawn))
    assert all(left >= 0 and top >= 0 and right <= width and bottom <= height for left, top, right, bottom in found)
    for number, (left, top, right, bottom) in enumerate(found):
        for other in found[number + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top, (number, other)
        for x, y, to_x, to_y in edges(drawn):
            is_beside = right < min(x, to_x) or left > max(x, to_x) or bottom < min(y, to_y) or top > max(y, to_y)
            assert is_beside, (left, top, x, y)


@pytest.mark.parametrize("name", STACKS)
def test_an_arrow_ends_at_an_edge(name: str) -> None:
    """Of a frame or box; an arrow within a group has both its heads there."""
    drawn = drawing(STACKS[name])
    rectangles = [each for each in drawn.iter(f"{SVG}rect") if each.get("class")]
    rows = {float(each.get("y", "")) for each in rectangles}
    rows |= {float(each.get("y", "")) + float(each.get("height", "")) for each in rectangles}
    assert {end for _, begin, _, end in edges(drawn) if begin != end} <= rows


@pytest.mark.parametrize(("stack", "page"), [(ONE, OWN_MACHINES), (THREE, THREE_CONTROL_PLANES)])
def test_the_machines_are_those_of_the_page(stack: Stack, page: str) -> None:
    """The page of the tutorial shows the picture."""
    assert parse_settings(stack).hosts == parse_settings(stack | hosts_of(page)).hosts
    names = {ONE["cluster"]["name"], *re.findall(r"--stack (\w+)", (REPOSITORY / page).read_text())}
    assert names == {"shop"}


def hosts_of(page: str) -> dict[str, Any]:
    """The hosts of the first example of a stack file on a page, with the key of the picture."""
    hosts = settings_of(page)["kubeadm:hosts"]
    return {"hosts": {name: host | {"hostKey": "ssh-ed25519 AAAA"} for name, host in hosts.items()}}


@pytest.mark.parametrize("name", ["network", "network-three"])
def test_a_page_shows_the_picture(name: str) -> None:
    """A picture that is on no page is seen by nobody."""
    pages = (REPOSITORY / "docs").rglob("*.md")
    assert any(f"pictures/{name}.svg" in page.read_text() for page in pages)
