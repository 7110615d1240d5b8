"""GAGE_TRACE: which plumbing commands a command for people goes through, and how long each takes.

The value is 1 for standard error, 2 to 9 for that descriptor, or the absolute path of a file,
to which lines are added; empty or 0 is nothing. A line is the command as sh(1) reads it:

    trace: 0.012 s  gage-stage /runs/4f0c
"""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gage.cli import complain
from gage.porcelain.colour import may_steer
from gage.shown import shown_line

VARIABLE = "GAGE_TRACE"

_complained = False


@contextmanager
def traced(words: Sequence[str], variables: Mapping[str, str] | None = None) -> Iterator[None]:
    """Trace what a ``with`` block does as the command *words*, with *variables* set for it.

    The words are read when the block is over, and may be known only then.
    """
    to = os.environ.get(VARIABLE, "")
    if to in ("", "0"):
        yield
        return
    began = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - began
        before = [f"{name}={shlex.quote(value)}" for name, value in (variables or {}).items()]
        _write(to, f"trace: {seconds:.3f} s  {' '.join([*before, shlex.join(words)])}")


def _write(to: str, line: str) -> None:
    """Add *line* to what *to* stands for; where that cannot be, this is said once."""
    global _complained
    try:
        if len(to) == 1 and to in "123456789":
            _write_fd(2 if to == "1" else int(to), line)
        elif os.path.isabs(to):
            fd = os.open(to, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY, 0o666)
            try:
                _write_fd(fd, line)
            finally:
                os.close(fd)
        elif not _complained:
            _complained = True
            hint = f"{VARIABLE}=1, or the number of a descriptor, or an absolute path"
            complain("gage", f"{VARIABLE}={to}: no place for a trace", hint)
    except OSError as error:
        if not _complained:
            _complained = True
            complain("gage", f"{VARIABLE}={to}: {error.strerror}")


def _write_fd(fd: int, line: str) -> None:
    if os.isatty(fd):
        # It may be in the middle of a line that tells how far a phase is.
        line = ("\r\x1b[K" if may_steer() else "") + shown_line(line)
    sys.stderr.flush()
    os.write(fd, f"{line}\n".encode("utf-8", "surrogateescape"))
