"""gage-complete: answer what a shell asks when TAB is pressed.

It has an edge of its own: what the other commands import for theirs costs as much as the
answer, and a message would land in the middle of what a person is writing.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gage.completion import complete
from gage.shown import shown_line

if TYPE_CHECKING:
    import argparse

READER_GONE = 141


def parser() -> "argparse.ArgumentParser":
    """The command line of gage-complete, of which all is an argument but a first --help."""
    from gage.cli import parser_for

    p = parser_for("gage-complete", "Answer what a shell asks when TAB is pressed.")
    p.add_argument("words", metavar="WORD", nargs="+", help="the words up to the cursor")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Print one candidate a line: the word, and behind a tab what it stands for."""
    words = sys.argv[1:] if argv is None else list(argv)
    if not words or words[0] in ("-h", "--help"):
        from gage.cli import guarded

        return guarded("gage-complete", lambda: bool(parser().parse_args(words)))
    try:
        start = os.getcwd()
    except OSError:
        start = "/"
    lines = [f"{text}\t{shown_line(about)}\n" for text, about in complete(words, start, os.environ)]
    data = os.fsencode("".join(lines))
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return READER_GONE
    return 0
