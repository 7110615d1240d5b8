"""Watching a run go on: its picture is drawn again and again, or its news told line by line.

A picture is written in one piece, each over the one before, and the cursor stands below it,
where a shell, a key or a message may write. So a picture is never half there when we are
stopped, and after that the next begins where the cursor is. In the background nothing is
drawn, nor in a window with a single line.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

from gage import clock
from gage.durable import write_all
from gage.porcelain.colour import is_plain, may_steer
from gage.porcelain.frame import ASCII, MARKS, NONE, news, picture, words_of
from gage.porcelain.table import display_width
from gage.porcelain.window import window_size
from gage.run import Run
from gage.shown import shown_line
from gage.standing import Observer, Standing

EVERY = 0.1
"""Seconds between two looks at a small pipeline."""

_SHARE = 20
"""Looking takes at most one part in so many of the time of a processor."""

Over = Callable[[float, Sequence[Standing]], bool]
"""Waits for so many seconds, and says whether it is over."""


def watch_run(run: Run, fd: int, over: Over) -> None:
    """Show at the descriptor *fd* how *run* stands, until it is *over*.

    A terminal has no trace of the picture then. Raises OSError where it is gone.
    """
    if os.isatty(fd) and not is_plain():
        _draw(run, fd, over)
    else:
        _tell(run, fd, over)


def _tell(run: Run, fd: int, over: Over) -> None:
    observer = Observer(run)
    words: dict[tuple[str, ...], str] = {}
    ended = False
    while True:
        began = time.process_time()
        standings = observer.look()
        text = "".join(f"{shown_line(line)}\n" for line in news(words, standings, clock.now()))
        words = words_of(standings)
        write_all(fd, text.encode("utf-8", "backslashreplace"))
        if ended:
            return
        # What happened until it was over is told, too.
        ended = over(_pause(began), standings)


def _draw(run: Run, fd: int, over: Over) -> None:
    observer = Observer(run)
    screen = _Screen(fd)
    before = signal.signal(signal.SIGCONT, lambda signum, frame: screen.forget())
    try:
        while True:
            began = time.process_time()
            standings = observer.look()
            screen.draw(standings)
            if over(_pause(began), standings):
                return
    finally:
        screen.clear()
        signal.signal(signal.SIGCONT, before)


def _pause(began: float) -> float:
    # By any other clock a viewer that was stopped while it looked would sleep on for hours.
    return max(EVERY, (time.process_time() - began) * _SHARE)


class _Screen:
    """The picture on the terminal: *lines* as they are there, at a width of *columns*."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._marks = marks()
        self._coloured = may_steer()
        self._lines: list[str] = []
        self._widths: list[int] = []
        self._columns = 0

    def draw(self, standings: Sequence[Standing]) -> None:
        """Draw the picture, if it is another than the last."""
        rows, columns = window_size(self._fd)
        if rows < 2 or not in_foreground(self._fd):
            return self.clear()
        # The last column stays free: some terminals wrap a line that fills it.
        draw = partial(
            picture,
            standings,
            clock.now(),
            marks=self._marks,
            width=columns - 1,
            height=rows - 1,
        )
        lines = draw(coloured=self._coloured)
        if lines == self._lines and columns == self._columns:
            return None
        text = self._upwards(columns) + "".join(f"{line}\x1b[K\r\n" for line in lines) + "\x1b[J"
        self._lines, self._columns = lines, columns
        plain = draw() if self._coloured else lines
        self._widths = [display_width(line) for line in plain]
        write_all(self._fd, text.encode("utf-8", "backslashreplace"))
        return None

    def clear(self) -> None:
        """Take the picture away."""
        if self._lines and in_foreground(self._fd):
            write_all(self._fd, f"{self._upwards(window_size(self._fd)[1])}\x1b[J".encode())
        self.forget()

    def forget(self) -> None:
        """Leave the picture where it is: the next begins below."""
        self._lines, self._widths = [], []

    def _upwards(self, columns: int) -> str:
        # A terminal that became narrower has wrapped the lines that do not fit any more.
        rows = sum(max(1, -(-width // columns)) for width in self._widths)
        return "\r" + (f"\x1b[{rows}A" if rows else "")


def in_foreground(fd: int) -> bool:
    """Whether this process may draw on the terminal at *fd*: another may have it now."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True  # it is not ours to control, as in a container, and nobody else's


def marks() -> dict[str, str]:
    """The marks that the terminal can show."""
    if is_plain():
        return dict(NONE)
    named = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    is_utf8 = "utf-8" in named.lower() or "utf8" in named.lower()
    # The console of Linux speaks UTF-8 and has a font with few characters.
    return dict(MARKS if is_utf8 and os.environ.get("TERM") != "linux" else ASCII)
