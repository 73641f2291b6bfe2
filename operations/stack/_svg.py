"""Drawings as SVG: titles, frames, arrows and lines of text, in the looks that all drawings share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

MARGIN, LINE = 20, 16
"""Width of the margin and height of a line of text, in pixels."""

STYLE = (
    "text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}"
    ".lane{font-weight:bold}.box{fill:#fff;stroke:#57606a}.edge{fill:none;stroke:#8c959f;marker-end:url(#arrow)}"
)
MARKER = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#8c959f"/></marker></defs>'
)


@dataclass(frozen=True)
class Frame:
    """A rectangle with a title, drawn before its content."""

    x: float
    y: float
    width: float
    height: float
    title: str
    look: str = "box"

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    def drawn(self) -> str:
        """The rectangle and its title."""
        size = f'x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}" rx="5"'
        return f'<rect class="{self.look}" {size}/>{text(self.x + 10, self.y + LINE, [self.title], "lane")}'


def drawing(title: str, size: tuple[float, float], parts: Iterable[str], looks: str = "") -> str:
    """The whole drawing.

    Args:
        title: for a reader who sees no picture, and above the parts.
        size: width and height.
        parts: elements, the lowest first.
        looks: further rules of style.
    """
    width, height = size
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}{looks}</style>\n{MARKER}",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#f6f8fa"/>',
            text(MARGIN, MARGIN, [title]),
            *parts,
            "</svg>\n",
        ]
    )


def arrow(x: float, y: float, to_x: float, to_y: float, *, both: bool = False) -> str:
    """A straight arrow, with a head at one end or at both."""
    return f'<path class="edge{" both" * both}" d="M{x:g} {y:g}L{to_x:g} {to_y:g}"/>'


def text(x: float, y: float, lines: Iterable[str], look: str = "", anchor: str = "start") -> str:
    """Lines below one another."""
    kind = f' class="{look}"' if look else ""
    return "".join(
        f'<text{kind} x="{x:g}" y="{y + number * LINE:g}" text-anchor="{anchor}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
