"""What a person sees while gage copies or digests: the phase, and a bar where it takes long.

Only on a terminal; the line is gone when the phase is over.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gage.porcelain.colour import may_steer
from gage.porcelain.table import cut
from gage.porcelain.window import window_size
from gage.progress import Progress, ignore
from gage.shown import shown_line

BAR_AFTER = 1.0
"""Seconds that a phase may take without a bar."""

_WIDTH = 24
_BETWEEN = 0.1


@contextmanager
def phase(name: str, quiet: bool = False) -> Iterator[Progress]:
    """Show that *name* is under way for a ``with`` block, which gets what draws its bar."""
    if quiet or not sys.stderr.isatty() or not may_steer():
        yield ignore
        return
    began = drawn = time.monotonic()

    def draw(done: int, total: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - began < BAR_AFTER or now - drawn < _BETWEEN:
            return
        drawn = now
        filled = _WIDTH * done // max(total, 1)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        _line(f"{name} [{bar}] {done >> 20} of {total >> 20} MiB")

    _line(f"{name} ...")
    try:
        yield draw
    finally:
        _line("")


def _line(text: str) -> None:
    # A line that wraps would not be taken away whole.
    fitting = cut(shown_line(text), window_size(sys.stderr.fileno())[1] - 1)
    sys.stderr.write(f"\r\x1b[K{fitting}")
    sys.stderr.flush()
