"""A picture of a terminal as SVG, drawn from a log with the colours that Pulumi printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

COLUMNS = 120
"""Width of the terminal; longer lines go on in the next row, as in a terminal."""

ROWS = 44
"""Height of the terminal; of a longer log the middle is left out, and a row says how many lines."""

FIRST_ROWS = 14
CELL_WIDTH, ROW_HEIGHT, FONT_SIZE, MARGIN = 7.8, 18, 13, 16
"""In pixels."""

FOREGROUND, BACKGROUND = "#d4d4d4", "#1e1e1e"
_COLORS = ("#f14c4c", "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db")
PALETTE = ("#3b3b3b", *_COLORS, "#e5e5e5", "#808080", *_COLORS, "#ffffff")
"""Colours 0 to 15 of a terminal, light enough for the background."""

SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")
"""A control sequence; one that ends in `m` sets colour and weight."""

Run = tuple[str, str, bool]
"""Text with its colour, and whether it is bold."""


def picture(log: str, title: str) -> str:
    """The drawing of a log.

    Args:
        log: output of a command that does not redraw its lines, with or without colours.
        title: the command, for a reader who sees no picture.
    """
    rows = _cut([row for line in _lines(log) for row in _wrapped(line)])
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, len(rows) * ROW_HEIGHT + 2 * MARGIN
    font = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
            f'<g font-family="{font}" font-size="{FONT_SIZE}">',
            *(_row(row, MARGIN + (number + 0.75) * ROW_HEIGHT) for number, row in enumerate(rows)),
            "</g>\n</svg>\n",
        ]
    )


def _lines(log: str) -> Iterator[list[Run]]:
    """Runs of text with one colour and weight, line by line; both continue over the end of a line."""
    color, bold = FOREGROUND, False
    for line in log.rstrip("\n").split("\n"):
        runs: list[Run] = []
        start = 0
        text = line.rpartition("\r")[2] if not line.endswith("\r") else line.rstrip("\r")
        for sequence in SEQUENCE.finditer(text):
            runs.append((text[start : sequence.start()], color, bold))
            start = sequence.end()
            if sequence[2] == "m":
                color, bold = _look(sequence[1], color, bold=bold)
        runs.append((text[start:], color, bold))
        yield [(text.expandtabs(8), color, bold) for text, color, bold in runs if text]


def _look(codes: str, color: str, *, bold: bool) -> tuple[str, bool]:
    """Colour and weight after a sequence, such as `1;31` or `38;5;2`."""
    numbers = [int(code or 0) for code in codes.split(";")]
    if numbers[:2] == [38, 5]:
        return _indexed(numbers[2]), bold
    for number in numbers:
        if number == 0:
            color, bold = FOREGROUND, False
        elif number in {1, 22}:
            bold = number == 1
        elif 30 <= number <= 37:
            color = PALETTE[number - 30]
        elif number == 39:
            color = FOREGROUND
        elif 90 <= number <= 97:
            color = PALETTE[number - 82]
    return color, bold


def _indexed(number: int) -> str:
    """A colour of the 256 of a terminal: 16 by name, a cube of 6 by 6 by 6, and greys."""
    if number < 16:
        return PALETTE[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    cube = number - 16
    return "#" + "".join(f"{levels[cube // step % 6]:02x}" for step in (36, 6, 1))


def _wrapped(line: list[Run]) -> Iterator[list[Run]]:
    """The rows of a line, of which each but the last is full."""
    row: list[Run] = []
    room = COLUMNS
    for whole, color, bold in line:
        text = whole
        while len(text) > room:
            yield [*row, (text[:room], color, bold)]
            row, text, room = [], text[room:], COLUMNS
        row.append((text, color, bold))
        room -= len(text)
    yield row


def _cut(rows: list[list[Run]]) -> list[list[Run]]:
    if len(rows) <= ROWS:
        return rows
    last = ROWS - FIRST_ROWS - 1
    left_out = len(rows) - FIRST_ROWS - last
    return [*rows[:FIRST_ROWS], [(f"    … {left_out} more lines", PALETTE[8], False)], *rows[-last:]]


def _row(row: list[Run], y: float) -> str:
    """A row as text whose runs stand in the columns of a terminal, whatever the width of the font."""
    spans, column = [], 0
    for text, color, bold in row:
        if text.strip():
            shown = text.lstrip(" ")
            x = MARGIN + (column + len(text) - len(shown)) * CELL_WIDTH
            shown = shown.rstrip(" ")
            look = f'fill="{color}"' + (' font-weight="bold"' if bold else "")
            length = f'textLength="{len(shown) * CELL_WIDTH:g}"'
            spans.append(f'<tspan x="{x:g}" {length} {look}>{escape(shown)}</tspan>')
        column += len(text)
    return f'<text y="{y:g}" xml:space="preserve">{"".join(spans)}</text>'
