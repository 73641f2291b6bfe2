"""Diagrams of dependencies as SVG: a row per rank, a band per lane, an arrow per direct dependency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape

from operations.stack._svg import MARGIN, drawing, text

Graph = Mapping[str, frozenset[str]]
"""Names of all nodes, and the nodes that each of them needs. A name is `LANE/TEXT`."""

COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT, HEAD = 124, 54, 116, 26, 60
"""In pixels; the head has the title, and the names of the lanes."""

CHARACTER = 7.3
"""Width of a character in pixels, at most, so that no text is wider than its box."""


@dataclass(frozen=True)
class _Place:
    """The cell of a box: its column in the picture, and its rank, which grows downwards."""

    column: int
    rank: int

    @property
    def x(self) -> float:
        """The middle of the box."""
        return MARGIN + (self.column + 0.5) * COLUMN

    @property
    def y(self) -> float:
        """The middle of the box."""
        return HEAD + (self.rank + 0.5) * ROW


def diagram(graph: Graph, title: str) -> str:
    """The drawing of a graph; an arrow leads from a dependency to its dependent.

    Args:
        graph: without a circle.
        title: for a reader who sees no picture, and above the drawing.

    Raises:
        ValueError: a circle.
    """
    direct = reduced(graph)
    lanes = list(dict.fromkeys(_lane(name) for name in graph))
    places, widths = _places(direct, lanes)
    width = 2 * MARGIN + sum(widths.values()) * COLUMN
    height = HEAD + MARGIN + (1 + max(each.rank for each in places.values())) * ROW
    return drawing(
        title,
        (width, height),
        [
            *_bands(widths, height),
            *(_edge(places[needed], places[name]) for name in sorted(direct) for needed in sorted(direct[name])),
            *(_box(places[name], name.partition("/")[2]) for name in sorted(direct)),
        ],
    )


def reduced(graph: Graph) -> Graph:
    """The graph without dependencies that follow from others.

    Raises:
        ValueError: a circle.
    """
    above = _all_needed(graph)
    return {
        name: frozenset(each for each in needed if not any(each in above[other] for other in needed - {each}))
        for name, needed in graph.items()
    }


def _all_needed(graph: Graph) -> Graph:
    found: dict[str, frozenset[str]] = {}

    def needed_by(name: str, path: tuple[str, ...]) -> frozenset[str]:
        if name in path:
            raise ValueError(f"a circle: {' -> '.join([*path, name])}")
        if name not in found:
            found[name] = graph[name].union(*(needed_by(each, (*path, name)) for each in graph[name]))
        return found[name]

    return {name: needed_by(name, ()) for name in graph}


def _places(direct: Graph, lanes: list[str]) -> tuple[dict[str, _Place], dict[str, int]]:
    """The cell of each node, and the number of columns of each lane.

    An arrow over several ranks runs in the column of its target, where its cells stay free: it crosses no box.
    """

    @cache
    def rank(name: str) -> int:
        return max((1 + rank(each) for each in direct[name]), default=0)

    taken: set[tuple[str, int, int]] = set()
    columns: dict[str, int] = {}
    for name in sorted(direct, key=lambda each: (rank(each), each)):
        first = min((rank(each) + 1 for each in direct[name]), default=rank(name))
        cells = range(first, rank(name) + 1)
        free = (
            column for column in range(len(direct)) if not any((_lane(name), column, each) in taken for each in cells)
        )
        column = next(free)
        taken |= {(_lane(name), column, each) for each in cells}
        columns[name] = column
    widths = {lane: 1 + max(column for name, column in columns.items() if _lane(name) == lane) for lane in lanes}
    before = {lane: sum(widths[each] for each in lanes[:number]) for number, lane in enumerate(lanes)}
    return {name: _Place(before[_lane(name)] + column, rank(name)) for name, column in columns.items()}, widths


def _lane(name: str) -> str:
    return name.partition("/")[0]


def _bands(widths: Mapping[str, int], height: float) -> Iterator[str]:
    left = MARGIN
    for number, (lane, columns) in enumerate(widths.items()):
        width = columns * COLUMN
        if number % 2 == 0:
            yield f'<rect x="{left}" y="{HEAD - 28}" width="{width}" height="{height - HEAD + 28}" fill="#eaeef2"/>'
        yield text(left + width / 2, HEAD - 8, [lane], "lane", "middle")
        left += width


def _edge(source: _Place, target: _Place) -> str:
    y, gap = source.y + BOX_HEIGHT / 2, ROW - BOX_HEIGHT
    bend = f"C{source.x:g} {y + gap / 2:g} {target.x:g} {y + gap / 2:g} {target.x:g} {y + gap - 8:g}"
    return f'<path class="edge" d="M{source.x:g} {y:g}{bend}V{target.y - BOX_HEIGHT / 2:g}"/>'


def _box(place: _Place, text: str) -> str:
    size = f'x="{place.x - BOX_WIDTH / 2:g}" y="{place.y - BOX_HEIGHT / 2:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
    fit = f' textLength="{BOX_WIDTH - 8}" lengthAdjust="spacingAndGlyphs"' if len(text) * CHARACTER > BOX_WIDTH else ""
    shown = f'<text x="{place.x:g}" y="{place.y + 4:g}" text-anchor="middle"{fit}>{escape(text)}</text>'
    return f'<rect class="box" {size} rx="4"/>{shown}'
