"""A screen: what a terminal shows after commands were run on it, each at a prompt."""

import fcntl
import os
import pty
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence

import pyte

LINES = 400
"""More than a picture can have, so that nothing scrolls away."""

LIMIT = 120.0
"""Seconds that a command may take."""

Screen = pyte.Screen


def new_screen(columns: int) -> Screen:
    """An empty screen, so many columns wide."""
    return pyte.Screen(columns, LINES)


def play(screen: Screen, command: str, cwd: str, environ: Mapping[str, str]) -> int:
    """Run *command* by sh(1) on *screen*, after a prompt that shows it; its exit code.

    Raises TimeoutError where it does not end.
    """
    stream = pyte.ByteStream(screen)
    stream.feed(b"\x1b[1;32m$\x1b[0m " + command.encode() + b"\r\n")
    child, terminal = pty.fork()
    if child == 0:
        _run(command, cwd, environ)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, screen.columns, 0, 0))
    until = time.monotonic() + LIMIT
    try:
        while time.monotonic() < until:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how Linux says that nobody has the terminal open any more
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            stream.feed(data)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise TimeoutError(f"{command}: still running after {LIMIT:.0f} s")
    finally:
        os.close(terminal)


def rows(screen: Screen) -> Sequence[Sequence[pyte.screens.Char]]:
    """The characters of *screen*, a row a line, without the empty rows at the end."""
    last = max((y for y in range(LINES) if screen.display[y].strip()), default=-1)
    return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(last + 1)]


def _run(command: str, cwd: str, environ: Mapping[str, str]) -> None:
    try:
        os.chdir(cwd)
        # Until the window has its size, a program might think that it has none.
        while not os.get_terminal_size(0).columns:
            time.sleep(0.01)
        os.execve("/bin/sh", ["sh", "-c", command], dict(environ))
    finally:
        os._exit(127)
