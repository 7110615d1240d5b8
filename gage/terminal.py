"""A terminal for a command: a pseudo-terminal whose other end we hold.

What is typed at our own terminal is passed on byte by byte, which needs it in raw mode; it
is put back as it was at the end, whatever happens, and while we are stopped.
"""

import fcntl
import os
import struct
import termios
from typing import NamedTuple

_USUAL_SIZE = struct.pack("HHHH", 24, 80, 0, 0)


class Terminal(NamedTuple):
    """A pseudo-terminal: we hold *master*; *typed* says whether there is a keyboard for it."""

    master: int
    slave: int
    typed: bool


def open_terminal() -> Terminal:
    """A new pseudo-terminal of the size of ours, typed at if we are. Raises OSError."""
    master, slave = os.openpty()
    terminal = Terminal(master, slave, _at_keyboard())
    copy_size(terminal)
    return terminal


def become_controlling(terminal: Terminal) -> None:
    """Make *terminal* the controlling terminal of this process, in a session of its own."""
    os.setsid()
    fcntl.ioctl(terminal.slave, termios.TIOCSCTTY, 0)


def copy_size(terminal: Terminal) -> None:
    """Give *terminal* the size of ours, or a usual one."""
    size = _USUAL_SIZE
    for fd in range(3):
        try:
            size = fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8))
            break
        except OSError:
            continue
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, size)


class RawKeyboard:
    """Our standard input in raw mode, between ``begin`` and ``end``; both can be repeated."""

    def __init__(self) -> None:
        """Remember the mode to put back. Raises termios.error where there is no terminal."""
        self._before = termios.tcgetattr(0)

    def begin(self) -> None:
        """Pass every key on: none is echoed, gathered into a line or made a signal."""
        if not _at_keyboard():
            return
        mode = termios.tcgetattr(0)
        mode[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
        mode[1] &= ~termios.OPOST
        mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(0, termios.TCSADRAIN, mode)

    def end(self) -> None:
        """Put our terminal back as it was; that it has gone is no error."""
        if not _at_keyboard():
            return
        try:
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
        except termios.error:
            pass


def _at_keyboard() -> bool:
    try:
        # In the background, changing the terminal's mode would stop us.
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
