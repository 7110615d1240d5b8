"""The loop that takes a command's output where it belongs, as it comes, until all is over.

One thread polls the streams and the command's descriptor. The command decides: when it has
ended, what is in its pipes is read, and what it left behind may finish within ``linger``;
then that is named and ended. So nobody waits for a daemon that holds a pipe.
"""

import errno
import fcntl
import os
import select
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from gage import process_tree
from gage.output import CHUNK
from gage.process import Child, has_ended
from gage.process_tree import Tree
from gage.signals import Stopping

LINGER = 2.0
"""Seconds that processes may live on when the command has ended."""

LEFT_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL for what is left behind."""

_LOOK_AGAIN = 0.025
_KILLS = 20

Sink = Callable[[str, memoryview], None]


class Ended(NamedTuple):
    """How the waiting ended: what had to be ended as ``PID COMMAND``, and whether in time."""

    left_behind: tuple[str, ...]
    timed_out: bool


class Capture:
    """The output of *child* on its way to *sink*, which gets ``o`` or ``e`` and the bytes."""

    def __init__(
        self,
        child: Child,
        tree: Tree,
        sink: Sink,
        stopping: Stopping,
        *,
        linger: float = LINGER,
        timeout: float | None = None,
        woken: int = -1,
        typed: int = -1,
    ) -> None:
        """Times are in seconds. *woken* is readable after a signal; *typed* is a keyboard."""
        self.left_behind: list[str] = []
        self.timed_out = False
        self._child = child
        self._tree = tree
        self._sink = sink
        self._stopping = stopping
        self._linger = linger
        self._timeout = time.monotonic() + timeout if timeout is not None else None
        self._woken = woken
        self._typed = typed
        self._keys = b""
        self._streams = dict(child.streams)
        self._buffer = memoryview(bytearray(CHUNK))
        self._poll = select.poll()
        for fd in (*self._streams, child.pidfd, woken, typed):
            if fd >= 0:
                self._poll.register(fd, select.POLLIN)
        # What follows the command's end: when it ended, how often the rest was signalled.
        self._ended = False
        self._asked_then = 0
        self._due = 0.0
        self._signalled = 0

    def run(self) -> Ended:
        """Wait until the command has ended and nothing of it is left; to be called once more
        where an exception interrupted it.
        """
        while not (self._ended and self._is_over()):
            due = self._next_due()
            for fd, events in self._poll.poll(self._wait(due)):
                if fd in self._streams:
                    self._read(fd, events)
                elif fd == self._child.pidfd:
                    self._on_end()
                elif fd == self._woken:
                    _drain(fd)
                    if self._tree.reaper and not self._ended:
                        process_tree.reap_orphans(self._tree)
                elif fd == self._typed:
                    self._read_keys()
            if due is not None:
                self.tick()
        self._read_rest()
        for fd in self._streams:
            os.close(fd)
        self._streams.clear()
        return Ended(tuple(self.left_behind), self.timed_out)

    def tick(self) -> None:
        """Do what is due by now; also for a sink that has to wait for its reader."""
        now = time.monotonic()
        due = self._next_due()
        if due is None or now < due or self._ended or has_ended(self._child):
            return
        if self._timeout is not None and now >= self._timeout:
            self._timeout = None
            self.timed_out = True
            self._stopping.end()
        if self._stopping.due is not None and now >= self._stopping.due:
            self._stopping.advance()

    def _wait(self, due: float | None) -> int | None:
        """Milliseconds until the moment *due*; None for ever."""
        if self._ended:
            return int(_LOOK_AGAIN * 1000)
        return None if due is None else max(0, int((due - time.monotonic()) * 1000) + 1)

    def _next_due(self) -> float | None:
        timeout, due = self._timeout, self._stopping.due
        return min(timeout, due) if timeout and due else timeout or due

    def _read(self, fd: int, events: int) -> int:
        if self._keys and events & select.POLLOUT:
            self._type()
        if not events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return 0
        try:
            size = os.readv(fd, [self._buffer])
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EIO:  # how a terminal says that nobody holds it
                raise
            size = 0
        if size:
            self._sink(self._streams[fd], self._buffer[:size])
        else:
            self._poll.unregister(fd)
            os.close(fd)
            del self._streams[fd]
        return size

    def _on_end(self) -> None:
        self._poll.unregister(self._child.pidfd)
        if self._typed >= 0:
            self._poll.unregister(self._typed)
        self._read_rest()
        self._ended = True
        self._asked_then = self._stopping.sent
        self._due = time.monotonic() + self._linger

    def _read_rest(self) -> None:
        for fd in list(self._streams):
            # A pipe holds no more than this of what has been written by now.
            left = _capacity(fd)
            while left > 0 and (size := self._read(fd, select.POLLIN)):
                left -= size

    def _is_over(self) -> bool:
        if not self._streams and not process_tree.has_survivors(self._tree):
            return True
        asked = self._stopping.sent > self._asked_then
        if time.monotonic() < self._due and not (asked and not self._signalled):
            return False
        survivors = process_tree.members(self._tree)
        if not survivors or self._signalled > _KILLS:
            if process_tree.has_orphans(self._tree):
                gone = process_tree.end_orphans(self._tree)
                what = "what started itself again and again"
                self.left_behind.append(what if gone else f"{what}, and lives on")
            return True  # who still holds a pipe is none of ours, or cannot be killed
        if not self._signalled:
            self.left_behind = [f"{member.pid} {member.command}" for member in survivors]
        for member in survivors:
            # One that is stopped does not hear a SIGTERM before it goes on.
            process_tree.send(member, signal.SIGKILL if self._signalled else signal.SIGTERM)
            process_tree.send(member, signal.SIGCONT)
        self._due = time.monotonic() + (_LOOK_AGAIN if self._signalled else LEFT_GRACE)
        self._signalled += 1
        return False

    def _read_keys(self) -> None:
        try:
            keys = os.read(self._typed, 4096)
        except OSError:
            keys = b""
        if keys:
            self._keys += keys
            self._type()
        else:  # our terminal has gone
            self._poll.unregister(self._typed)
            self._typed = -1

    def _type(self) -> None:
        """Pass keys on; while some are left, read no more of them."""
        for fd in self._streams:
            try:
                self._keys = self._keys[os.write(fd, self._keys) :]
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    self._keys = b""
            self._poll.modify(fd, select.POLLIN | (select.POLLOUT if self._keys else 0))
        if self._typed >= 0 and not self._ended:
            self._poll.modify(self._typed, 0 if self._keys else select.POLLIN)


def _drain(fd: int) -> None:
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass


def _capacity(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    except OSError:
        return CHUNK  # a terminal
