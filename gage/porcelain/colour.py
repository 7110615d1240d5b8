"""Colour: a little of it, on a terminal whose user does not forbid it (no-color.org)."""

import os
import sys

from gage.status import Status

_CODES: dict[Status, str] = {
    "completed": "32",
    "error": "31",
    "terminated": "31",
    "running": "36",
    "exited": "33",
    "unknown": "35",
}


def is_coloured() -> bool:
    """Whether standard output may be coloured."""
    return sys.stdout.isatty() and may_steer()


def may_steer() -> bool:
    """Whether a terminal may be sent control codes at all."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def paint_status(text: str) -> str:
    """*text*, whose one word is a status, in the colour of that status."""
    word = text.strip(" ")
    code = next((code for status, code in _CODES.items() if status == word), "")
    return text.replace(word, f"\033[{code}m{word}\033[0m") if code else text
