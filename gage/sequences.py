"""Sequences that steer a terminal, and what stands in a line that was written over.

The sequences are those of ECMA-48, and the strings that end with BEL, as xterm has them.
"""

import re

SEQUENCE = re.compile(
    r"\x1b\[(?P<colour>[0-9;]{0,60})m"
    r"|\x1b\[[0-?]{0,60}[ -/]{0,8}[@-~]"  # the cursor, and all else that begins so
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4000}(?:\x07|\x1b\\|\Z)"  # a title, a link, a picture
    r"|\x1b[ -/]{0,8}[0-Z\\^-~]"
)
"""A sequence; the group ``colour`` has the numbers of one that sets colours."""


def last_piece(line: str) -> str:
    """What stands in *line* in the end, each carriage return having begun it anew.

    A progress bar that was wiped leaves what it showed before. Sequences stay: a colour that
    was set is that of what comes after it.
    """
    if "\r" not in line:
        return line
    pieces = line.split("\r")
    stands = max(
        (i for i, piece in enumerate(pieces) if SEQUENCE.sub("", piece).strip()), default=0
    )
    return "".join(
        piece if i == stands else "".join(match[0] for match in SEQUENCE.finditer(piece))
        for i, piece in enumerate(pieces)
    )
