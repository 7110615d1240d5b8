"""Colour, and what else may be sent to a terminal: a little of it, if its user allows it.

``NO_COLOR`` is that of no-color.org and goes before ``CLICOLOR_FORCE``, which colours output
that goes to no terminal, too. ``GAGE_PLAIN`` and ``TERM=dumb`` are for who reads a terminal
line by line, as a screen reader does: nothing is drawn over, and no character draws.
"""

import os
import sys
from typing import TextIO

from gage.status import Status

_CODES: dict[Status, str] = {
    "completed": "32",
    "error": "31",
    "terminated": "31",
    "running": "36",
    "exited": "33",
    "unknown": "35",
}


def is_coloured(to: TextIO | None = None) -> bool:
    """Whether standard output, or what *to* is, may be coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return (to or sys.stdout).isatty() and may_steer()


def may_steer() -> bool:
    """Whether a terminal may be sent colour, and what is drawn over."""
    return not os.environ.get("NO_COLOR") and not is_plain()


def is_plain() -> bool:
    """Whether a terminal shall get lines of text, one after the other, and nothing else."""
    plain = os.environ.get("GAGE_PLAIN", "0") not in ("", "0")
    return plain or os.environ.get("TERM", "") in ("", "dumb")


def paint_status(text: str) -> str:
    """*text*, whose one word is a status, in the colour of that status."""
    word = text.strip(" ")
    code = next((code for status, code in _CODES.items() if status == word), "")
    return text.replace(word, f"\033[{code}m{word}\033[0m") if code else text
