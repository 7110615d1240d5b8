"""The window that is written to: how wide and how high it is, or is said to be.

``COLUMNS`` and ``LINES`` are what a person, or a program that shows us, wants.
"""

import os
import sys

WIDTH, HEIGHT = 80, 24
"""Of a terminal that does not tell its size."""


def terminal_width() -> int | None:
    """The columns of the terminal that standard output is; None where it is none."""
    if not sys.stdout.isatty():
        return None
    return _wanted("COLUMNS") or _size(sys.stdout.fileno())[0] or WIDTH


def terminal_height() -> int | None:
    """The lines of the terminal that standard output is; None where it is none."""
    if not sys.stdout.isatty():
        return None
    return _wanted("LINES") or _size(sys.stdout.fileno())[1] or HEIGHT


def window_size(fd: int) -> tuple[int, int]:
    """Lines and columns of the terminal at *fd*, to draw in.

    ``COLUMNS`` can only make it narrower: what is drawn over must not be wrapped.
    """
    columns, lines = _size(fd)
    return lines or HEIGHT, min(filter(None, (columns, _wanted("COLUMNS"))), default=WIDTH)


def _size(fd: int) -> tuple[int, int]:
    try:
        return os.get_terminal_size(fd)
    except OSError:
        return 0, 0


def _wanted(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() and len(text) < 9 else 0
