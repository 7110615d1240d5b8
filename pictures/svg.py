"""A screen as a picture in SVG 1.1: text on a grid, in the colours of a terminal.

https://www.w3.org/TR/SVG11/text.html: ``textLength`` keeps the columns where they are,
whatever font there is.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from pyte.screens import Char

CELL, LINE, SIZE = 8.4, 17, 14
"""The width of a column, the height of a row and the size of the font, in user units."""

MARGIN, BAR = 16, 34

BACKGROUND, FOREGROUND, FAINT = "#1b1f27", "#d8dee9", "#8b93a3"

COLOURS = {
    "black": "#4c566a",
    "red": "#f2777a",
    "green": "#8fc98b",
    "brown": "#e6c27a",
    "yellow": "#e6c27a",
    "blue": "#7fb0e6",
    "magenta": "#c9a0dc",
    "cyan": "#7cc7c9",
    "white": "#e5e9f0",
}

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture(rows: Sequence[Sequence[Char]], title: str) -> str:
    """*rows* of characters as an SVG document, that needs nothing from elsewhere."""
    columns = max(map(len, rows), default=0)
    width = round(columns * CELL + 2 * MARGIN)
    height = len(rows) * LINE + BAR + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="9" fill="{BACKGROUND}"/>',
        *(
            f'<circle cx="{MARGIN + 4 + 18 * at}" cy="{BAR / 2}" r="5" fill="{COLOURS[colour]}"/>'
            for at, colour in enumerate(("red", "brown", "green"))
        ),
        f'<g font-family="{FONT}" font-size="{SIZE}" fill="{FOREGROUND}">',
        *(text for y, row in enumerate(rows) for text in _texts(row, BAR + y * LINE + SIZE)),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _texts(row: Sequence[Char], baseline: float) -> Iterator[str]:
    x = 0
    for style, group in groupby(row, key=_style):
        # The second column of a wide character is empty.
        cells = list(group)
        text = "".join(cell.data for cell in cells)
        if text.strip():
            lead = len(text) - len(text.lstrip())
            # Viewers disagree on how spaces are kept; these are.
            shown = text.strip().replace(" ", "\N{NO-BREAK SPACE}")
            length = (len(cells) - (len(text) - len(shown))) * CELL
            yield (
                f'<text x="{MARGIN + (x + lead) * CELL:.1f}" y="{baseline}" '
                f'textLength="{length:.1f}"{style}>{escape(shown)}</text>'
            )
        x += len(cells)


def _style(char: Char) -> str:
    style = ""
    if char.fg != "default":
        known = COLOURS.get(char.fg.removeprefix("bright"))
        style += f' fill="{known or f"#{char.fg}"}"'
    if char.bold:
        style += ' font-weight="bold"'
    if char.italics:
        style += ' font-style="italic"'
    if char.underscore:
        style += ' text-decoration="underline"'
    return style
