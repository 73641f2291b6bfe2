"""Picture as SVG of the machines of a stack, and of who connects to which port, from the list of ports."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from components.settings import Host, Settings
from components.settings.ports import (
    CONTROL_PLANES,
    EVERY_HOST,
    LOCAL_PORTS,
    OPERATOR,
    OUTSIDE,
    PEOPLE,
    PORTS,
    WORKERS,
    Port,
)
from components.settings.stack_file import parse_settings
from operations.stack._svg import LINE, MARGIN, Frame, arrow, drawing, text

WIDTH, BOX_WIDTH, BOX_GAP = 880, 130, 12
"""In pixels."""

NARROW, MEDIUM, WIDE = 20, 40, 95
"""In characters: between two arrows, in a half of the picture, from one edge to the other."""

LOOKS = ".frame{fill:#eaeef2;stroke:#8c959f;stroke-dasharray:4 3}.inner{fill:#f6f8fa}.both{marker-start:url(#arrow)}"
WAYS = {
    (OPERATOR, EVERY_HOST),
    (OPERATOR, CONTROL_PLANES),
    (PEOPLE, CONTROL_PLANES),
    (PEOPLE, EVERY_HOST),
    (EVERY_HOST, CONTROL_PLANES),
    (CONTROL_PLANES, EVERY_HOST),
    (CONTROL_PLANES, CONTROL_PLANES),
    (EVERY_HOST, EVERY_HOST),
    (EVERY_HOST, OUTSIDE),
}
"""Sources and targets that the picture has an arrow for."""


_OF_EACH_HOST = {"hostKey": "ssh-ed25519 AAAA"}
_WORKERS = {
    "node2": {"address": "192.0.2.12", **_OF_EACH_HOST},
    "node3": {"address": "192.0.2.13", **_OF_EACH_HOST},
}
_CONTROL_PLANE = {"role": "control-plane", **_OF_EACH_HOST}
ONE: dict[str, Any] = {
    "cluster": {"name": "shop"},
    "hosts": {"node1": {"address": "192.0.2.11", **_CONTROL_PLANE}, **_WORKERS},
    "dashboard": {"kind": "none"},
}
"""The stack of docs/tutorials/own-machines.md."""

THREE: dict[str, Any] = {
    **ONE,
    "cluster": {"name": "shop", "vip": {"address": "192.0.2.100"}},
    "hosts": {
        **ONE["hosts"],
        "node4": {"address": "192.0.2.14", **_CONTROL_PLANE},
        "node5": {"address": "192.0.2.15", **_CONTROL_PLANE},
    },
}
"""The stack of docs/tutorials/three-control-planes.md."""


def networks() -> dict[str, str]:
    """The pictures of the documentation, by name."""
    return {
        "network": network(parse_settings(ONE), "One control plane: who connects to which port"),
        "network-three": network(parse_settings(THREE), "Three control planes: who connects to which port"),
    }


def network(settings: Settings, title: str) -> str:
    """The drawing of a stack: operators and people above, hosts in their frames, sources of packages and images below.

    Args:
        settings: the stack; ports that it does not use are left out.
        title: for a reader who sees no picture, and above the drawing.
    """
    top = MARGIN + 2 * LINE
    from_elsewhere = [way for way in WAYS if way[0] in {OPERATOR, PEOPLE}]
    hosts = top + LINE * (3.5 + max(len(_lines(settings, *way, NARROW)) for way in from_elsewhere))
    planes = _planes_frame(settings, hosts + 2 * LINE)
    workers = _workers_frame(settings, planes.bottom + 4 * LINE)
    every_host = _every_host_frame(settings, hosts, workers.bottom)
    height = every_host.bottom + 7 * LINE
    return drawing(
        title,
        (WIDTH, height),
        [
            *(frame.drawn() for frame in (every_host, planes, workers)),
            *_machines(settings, planes, workers),
            *_arrows_from_elsewhere(settings, top, every_host, planes),
            *_arrows_of_hosts(settings, every_host, planes, workers),
        ],
        LOOKS,
    )


def _lines(settings: Settings, source: str, target: str, width: int) -> list[str]:
    """Ports between a source and a target that the stack uses, as lines of so many characters."""
    used = [port for port in PORTS if (port.source, port.target) == (source, target) and port.is_used(settings)]
    return [line for port in used for line in textwrap.wrap(_words(port), width)]


def _words(port: Port) -> str:
    return f"{port.protocol} {port.number} {port.program}"


def _among(settings: Settings, group: str) -> list[str]:
    """Ports by which the hosts of a group reach each other, as lines below the machines."""
    used = [port for port in PORTS if port.source == port.target == group and port.is_used(settings)]
    return textwrap.wrap(", ".join(map(_words, used)), WIDE)


def _planes_frame(settings: Settings, y: float) -> Frame:
    among = len(_among(settings, CONTROL_PLANES))
    height = LINE * (5 + (among + 1 if among else 0))
    return Frame(2 * MARGIN, y, WIDTH - 4 * MARGIN, height, CONTROL_PLANES, "frame inner")


def _workers_frame(settings: Settings, y: float) -> Frame:
    height = LINE * (5 + len(_of_each_worker(settings)))
    return Frame(2 * MARGIN, y, WIDTH - 4 * MARGIN, height, WORKERS, "frame inner")


def _every_host_frame(settings: Settings, y: float, last: float) -> Frame:
    height = last - y + LINE * (2.5 + len(_among(settings, EVERY_HOST)))
    return Frame(MARGIN, y, WIDTH - 2 * MARGIN, height, EVERY_HOST, "frame")


def _of_each_worker(settings: Settings) -> list[str]:
    """Programs of each worker that the nodes of the stack need, with their addresses."""
    used = [port for port in LOCAL_PORTS if port.source == WORKERS and port.is_used(settings)]
    return [line for port in used for line in (port.program, f"{port.target}:{port.number}")]


def _machines(settings: Settings, planes: Frame, workers: Frame) -> Iterator[str]:
    for number, host in enumerate(settings.control_planes):
        yield _machine(host, planes, number, [])
    for number, host in enumerate(settings.workers):
        yield _machine(host, workers, number, _of_each_worker(settings))
    if settings.cluster.vip:
        number = len(settings.control_planes)
        yield _box(planes, number, ["cluster.vip", str(settings.cluster.vip.address), "on one of them"])


def _machine(host: Host, frame: Frame, number: int, more: list[str]) -> str:
    return _box(frame, number, [host.name, str(host.internal_ip), *more])


def _middle(frame: Frame, number: int) -> float:
    """The middle of a box in a frame."""
    return frame.x + BOX_GAP + number * (BOX_WIDTH + BOX_GAP) + BOX_WIDTH / 2


def _box(frame: Frame, number: int, lines: list[str]) -> str:
    x, y = _middle(frame, number), frame.y + 1.5 * LINE
    size = f'x="{x - BOX_WIDTH / 2:g}" y="{y:g}" width="{BOX_WIDTH}" height="{(len(lines) + 0.5) * LINE:g}" rx="4"'
    return f'<rect class="box" {size}/>{text(x, y + LINE, lines, anchor="middle")}'


def _arrows_from_elsewhere(settings: Settings, top: float, every_host: Frame, planes: Frame) -> Iterator[str]:
    """Arrows of operators and people, down to the frame of the hosts that they reach."""
    bottom = top + 1.5 * LINE
    x_of_api, y_of_api = 520.0, planes.y
    if settings.cluster.vip:
        x_of_api, y_of_api = _middle(planes, len(settings.control_planes)), planes.y + 1.5 * LINE
    places = (
        (OPERATOR, EVERY_HOST, 80.0, every_host.y),
        (OPERATOR, CONTROL_PLANES, 220.0, planes.y),
        (PEOPLE, CONTROL_PLANES, x_of_api, y_of_api),
        (PEOPLE, EVERY_HOST, 704.0, every_host.y),
    )
    for name, left in ((OPERATOR, MARGIN), (PEOPLE, 480)):
        yield f'<rect class="box" x="{left}" y="{top:g}" width="380" height="{1.5 * LINE:g}" rx="4"/>'
        yield text(left + 190, top + LINE, [name], "lane", anchor="middle")
    for source, target, x, end in places:
        yield arrow(x, bottom, x, end)
        yield text(x + 6, bottom + LINE, _lines(settings, source, target, NARROW))


def _arrows_of_hosts(settings: Settings, every_host: Frame, planes: Frame, workers: Frame) -> Iterator[str]:
    """Arrows between control planes and workers, within each group, and to the sources."""
    between = planes.bottom + 1.5 * LINE
    yield arrow(180, workers.y, 180, planes.bottom)
    yield text(186, between, _lines(settings, EVERY_HOST, CONTROL_PLANES, MEDIUM))
    yield arrow(520, planes.bottom, 520, workers.y)
    yield text(526, between, _lines(settings, CONTROL_PLANES, EVERY_HOST, MEDIUM))
    for frame, group in ((planes, CONTROL_PLANES), (every_host, EVERY_HOST)):
        among = _among(settings, group)
        y = frame.bottom - LINE * (len(among) + 0.75)
        if among:
            yield arrow(frame.x + BOX_GAP, y, frame.x + frame.width - BOX_GAP, y, both=True)
            yield text(WIDTH / 2, y + LINE, among, anchor="middle")
    below = every_host.bottom + 4 * LINE
    yield arrow(WIDTH / 2, every_host.bottom, WIDTH / 2, below)
    yield text(WIDTH / 2 + 6, every_host.bottom + 2 * LINE, _lines(settings, EVERY_HOST, OUTSIDE, MEDIUM))
    yield f'<rect class="box" x="{WIDTH / 2 - 190:g}" y="{below:g}" width="380" height="{1.5 * LINE:g}" rx="4"/>'
    yield text(WIDTH / 2, below + LINE, [OUTSIDE], "lane", anchor="middle")
