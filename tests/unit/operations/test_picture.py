"""Pictures of a terminal: columns, colours and rows are those of the log."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from operations.stack._picture import CELL_WIDTH, COLUMNS, MARGIN, PALETTE, ROWS, picture

SPAN = "{http://www.w3.org/2000/svg}tspan"


def rows(log: str) -> list[str]:
    """Text of the rows of a picture, which is XML."""
    drawn = ET.fromstring(picture(log, "pulumi <up>"))  # noqa: S314 - our own text
    return ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("codes", "color"), [("38;5;2", PALETTE[2]), ("31", PALETTE[1]), ("91", PALETTE[9]), ("38;5;208", "#ff8700")]
)
def test_a_word_has_its_colour_and_stands_in_its_column(codes: str, color: str) -> None:
    """The colour ends where the log ends it; `<` is text."""
    drawn = ET.fromstring(picture(f"  ab \x1b[1m\x1b[{codes}mc<d\x1b[0m e\n", "t"))  # noqa: S314
    spans = list(drawn.iter(SPAN))
    assert [span.text for span in spans] == ["ab", "c<d", "e"]
    assert [span.get("fill") == color for span in spans] == [False, True, False]
    assert [span.get("font-weight") for span in spans] == [None, "bold", None]
    assert float(spans[1].get("x", "")) == pytest.approx(MARGIN + 5 * CELL_WIDTH)


def test_a_long_line_goes_on_in_the_next_row() -> None:
    """As wide as the terminal, over a change of colour too."""
    assert rows("x" * COLUMNS + "\x1b[31my\x1b[0m") == ["x" * COLUMNS, "y"]


def test_of_a_long_log_the_picture_says_how_much_is_left_out() -> None:
    """Its first and its last lines are drawn."""
    drawn = rows("\n".join(f"line {number}" for number in range(100)))
    assert len(drawn) == ROWS
    assert (drawn[0], drawn[-1]) == ("line 0", "line 99")
    assert [row for row in drawn if "more" in row] == [f"… {100 - ROWS + 1} more lines"]


def test_what_a_terminal_would_obey_is_not_drawn() -> None:
    """Moves of the cursor; of a line that is written anew the last text counts."""
    assert rows("a\x1b[2Kb\r\nold\rnew\n") == ["ab", "new"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", picture("a\x1b[2K\n", "t"))
