"""Signals that reach the runner, passed on to the command that it waits for.

The first INT, TERM, HUP or QUIT goes on as it is, a second makes it TERM and a third KILL;
so does each ``grace`` that passes. The handlers act at once, even while a slow reader holds
us up in a write; the wakeup descriptor lets the loop look at the time again.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

from gage.errors import StateError

GRACE = 10.0
"""Seconds that a command has to end after it was asked to."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_BLOCKED = (*_ENDING, signal.SIGTSTP, signal.SIGCONT)


class Stopping:
    """How far the ending of a command has come: asked, told, killed."""

    def __init__(self, send: Callable[[int], None], grace: float = GRACE) -> None:
        """Send signals with *send*, and wait *grace* seconds between two."""
        self.sent = 0
        self.due: float | None = None
        self._send = send
        self._grace = grace
        self._over = False

    def finish(self) -> None:
        """Send nothing more: the command is gone, and its process ID may be another's."""
        self._over = True

    def advance(self, signum: int = signal.SIGTERM) -> None:
        """Send the next signal: *signum* is the first, then come TERM and KILL."""
        if self._over:
            return
        self._send((signum, signal.SIGTERM, signal.SIGKILL)[min(self.sent, 2)])
        self.sent += 1
        self.due = time.monotonic() + self._grace if self.sent < 3 else None

    def end(self) -> None:
        """Send TERM, and after the grace KILL."""
        self.sent = max(self.sent, 1)
        self.advance()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let no signal of ours through in a ``with`` block; those that came arrive at its end."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def is_told() -> bool:
    """Whether we are told how what we start ends: SIGCHLD is not ignored."""
    return signal.getsignal(signal.SIGCHLD) != signal.SIG_IGN


@contextlib.contextmanager
def told_of_children() -> Iterator[None]:
    """Let us be told how what we start in a ``with`` block ends, though SIGCHLD is ignored.

    Where it is, the system forgets a child at once. Raises StateError where it is and this
    is not the main thread, which alone can say otherwise.
    """
    if is_told():
        yield
        return
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    except ValueError:
        raise unheard() from None
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def unheard() -> StateError:
    """What is wrong where SIGCHLD is ignored."""
    return StateError(
        "SIGCHLD is ignored here, so that nobody is told how a process ends",
        "signal.signal(signal.SIGCHLD, signal.SIG_DFL)",
    )


@contextlib.contextmanager
def passed_on(
    stopping: Stopping,
    *,
    stopped: Callable[[], None],
    continued: Callable[[], None],
    resized: Callable[[], None],
) -> Iterator[int]:
    """Pass signals on in a ``with`` block; gives a descriptor that is readable after any.

    What was ignored stays ignored (nohup(1), and a shell's background jobs). Only for the
    main thread.
    """

    def end(signum: int, frame: object) -> None:
        stopping.advance(signum)

    def stop(signum: int, frame: object) -> None:
        stopped()
        os.kill(os.getpid(), signal.SIGSTOP)

    handlers: dict[int, Callable[[int, object], None]] = dict.fromkeys(_ENDING, end)
    handlers[signal.SIGTSTP] = stop
    handlers[signal.SIGCONT] = lambda signum, frame: continued()
    handlers[signal.SIGWINCH] = lambda signum, frame: resized()
    handlers[signal.SIGCHLD] = lambda signum, frame: None
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before_fd = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    before = {
        signum: signal.signal(signum, handler)
        for signum, handler in handlers.items()
        if signal.getsignal(signum) != signal.SIG_IGN
    }
    try:
        yield woken
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(before_fd)
        os.close(woken)
        os.close(wake)
