"""A table: rows of cells as lines of text, in columns that are two spaces apart."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gage.shown import shown_line

GAP = "  "

Paint = Mapping[int, Callable[[str], str]]
"""How the cells of a column get their colour; the text that is given keeps its width."""


def table_lines(
    columns: Sequence[Sequence[str]], *, width: int | None = None, paint: Paint | None = None
) -> Iterable[str]:
    """The lines of a table, given by *columns*, all of one length.

    Nothing is cut without a *width*, and no line ends in a space. Cells are shown escaped.
    """
    safe = [_safe(column) for column in columns]
    if width is None and not paint and all("".join(column).isascii() for column in safe[:-1]):
        # Ten thousand rows are listed so, in two calls each.
        widths = [max(map(len, column), default=0) for column in safe[:-1]]
        template = GAP.join([*(f"%-{width}s" for width in widths), "%s"])
        return map(str.rstrip, map(template.__mod__, zip(*safe, strict=True)))
    padded = [_padded(column) for column in safe]
    return ("".join(_fitted(row, width, paint or {})) for row in zip(*padded, strict=True))


def cut(text: str, width: int) -> str:
    """*text*, or as much of it as fits *width* columns, with an ellipsis at its end."""
    if text.isascii() and len(text) <= width:
        return text
    if width <= 0:
        return ""
    used = fitting = 0
    for number, character in enumerate(text, 1):
        used += display_width(character)
        if used > width:
            return text[:fitting] + "…"
        if used < width:
            fitting = number
    return text


def display_width(text: str) -> int:
    """How many columns *text* takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    marks = ("Mn", "Me")  # they stand on the character before them
    return sum(0 if category(c) in marks else 1 + (east_asian_width(c) in "WF") for c in text)


def _safe(column: Sequence[str]) -> Sequence[str]:
    return column if "".join(column).isprintable() else [shown_line(text) for text in column]


def _padded(column: Sequence[str]) -> Sequence[str]:
    width = max(map(display_width, column), default=0)
    return [text + " " * (width - display_width(text)) for text in column]


def _fitted(row: Sequence[str], width: int | None, paint: Paint) -> Iterator[str]:
    last = max((i for i, text in enumerate(row) if text.strip(" ")), default=-1)
    left = width
    for i, text in enumerate(row[: last + 1]):
        text = (GAP if i else "") + text
        if i == last:
            text = text.rstrip(" ")
        if left is not None:
            fitting = cut(text, left)
            left -= display_width(fitting)
            # What is cut ends the line, though narrower cells might follow.
            if fitting != text:
                yield _painted(fitting.rstrip(" "), i, paint)
                return
            text = fitting
        yield _painted(text, i, paint)


def _painted(text: str, column: int, paint: Paint) -> str:
    return paint[column](text) if column in paint else text
