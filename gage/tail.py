"""The tail of an output: its last lines, each as a terminal would show it in the end.

What a carriage return let be written over, as a progress bar does, is not there any more,
and neither are sequences that colour or move. Tabs are spaces; other characters stay.
"""

import os
import stat

from gage.output import RUN
from gage.run import Run, run_meta_path
from gage.sequences import SEQUENCE, last_piece

LENGTH = 1 << 14
"""No more of an output is read than so many bytes, however long its last line is."""


def last_lines(run: Run, count: int, *, name: str = RUN) -> list[str]:
    """The last *count* lines of the output *name* of *run* that are not blank; empty where
    there is none to be read.
    """
    data = _end_of(run_meta_path(run, "output", name))
    lines: list[str] = []
    for line in reversed(data.split(b"\n")):
        if len(lines) == count:
            break
        if text := shown_last(line.decode("utf-8", "replace")):
            lines.append(text)
    return lines[::-1]


def shown_last(line: str) -> str:
    """What is to be seen of *line* when all of it was written."""
    return SEQUENCE.sub("", last_piece(line)).expandtabs().rstrip()


def _end_of(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return b""
        return os.pread(fd, LENGTH, max(status.st_size - LENGTH, 0))
    except OSError:
        return b""
    finally:
        os.close(fd)
