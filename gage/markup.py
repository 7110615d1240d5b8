"""Text as HTML: whatever it holds, it is shown, and does nothing.

Bytes of a terminal keep the sixteen colours and bold, as classes ``f0`` to ``f15`` and ``b``;
all else that would move a cursor is left out, or shown escaped. A line that was written over
again and again, as a progress bar is, is shown as it stood last.
"""

from collections.abc import Iterator
from html import escape

from gage.sequences import SEQUENCE, last_piece
from gage.shown import shown, shown_line


def as_text(text: str) -> str:
    """*text* in one line of HTML, good in an attribute, too."""
    return escape(shown_line(text))


def as_lines(text: str) -> str:
    """*text* as HTML that keeps its lines and tabs, for ``<pre>``."""
    return escape("\t".join(map(shown, text.split("\t"))))


def terminal_text(data: bytes) -> str:
    """What a terminal shows of *data*, as HTML for ``<pre>``."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "".join(_coloured("\n".join(map(last_piece, text.split("\n")))))


def _coloured(text: str) -> Iterator[str]:
    at, style = 0, ""
    for match in SEQUENCE.finditer(text):
        yield _styled(text[at : match.start()], style)
        at = match.end()
        if match["colour"] is not None:
            style = _next_style(style, match["colour"])
    yield _styled(text[at:], style)


def _styled(text: str, style: str) -> str:
    if not text:
        return ""
    return f'<span class="{style}">{as_lines(text)}</span>' if style else as_lines(text)


def _next_style(style: str, codes: str) -> str:
    classes = {name[:1]: name for name in style.split()}
    numbers = iter([int(code or 0) for code in codes.split(";") if len(code) < 4])
    for number in numbers:
        if number == 0:
            classes.clear()
        elif number == 1:
            classes["b"] = "b"
        elif number == 22:
            classes.pop("b", None)
        elif number == 39:
            classes.pop("f", None)
        elif 30 <= number <= 37:
            classes["f"] = f"f{number - 30}"
        elif 90 <= number <= 97:
            classes["f"] = f"f{number - 82}"
        elif number in (38, 48):
            for _ in range({5: 1, 2: 3}.get(next(numbers, 0), 0)):
                next(numbers, 0)
    return " ".join(sorted(classes.values()))
