"""What a command prints, passed on to our own standard output and standard error.

A reader that goes away, or a terminal that dies, ends the echo and not the run. A slow
reader slows the run down, as it would through tee(1), but never our attention to the time.
"""

import errno
import os
import select
import stat
from collections.abc import Callable

# A pipe that poll(2) calls writable takes at least this without blocking (PIPE_BUF).
_SURE = 4096


class Echo:
    """Streams ``o`` and ``e`` passed on to descriptors; ``trouble`` says what ended it."""

    def __init__(self, descriptors: dict[str, int], while_waiting: Callable[[], None]) -> None:
        """*while_waiting* is called from time to time while a reader is slow."""
        self.trouble = ""
        self._to = dict(descriptors)
        self._sure = {fd: _piece(fd) for fd in descriptors.values()}
        self._while_waiting = while_waiting

    def write(self, stream: str, data: memoryview) -> None:
        """Pass *data* on, unless the reader of *stream* has gone."""
        fd = self._to.get(stream)
        if fd is None:
            return
        try:
            while data:
                piece = self._sure[fd]
                if piece:
                    self._wait_for(fd)
                data = data[os.write(fd, data[:piece] if piece else data) :]
        except OSError as error:
            del self._to[stream]
            if error.errno not in (errno.EPIPE, errno.EIO):
                self.trouble = str(error.strerror)

    def _wait_for(self, fd: int) -> None:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while not poll.poll(1000):
            self._while_waiting()


def _piece(fd: int) -> int:
    """How much to write at once; 0 for all, where a write does not wait for a reader."""
    mode = os.fstat(fd).st_mode
    waits = not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)) and (
        not stat.S_ISCHR(mode) or os.isatty(fd)
    )
    return _SURE if waits else 0
