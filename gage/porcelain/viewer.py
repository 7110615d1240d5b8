"""A viewer beside a pipeline that we run: a process of its own that watches it by its facts.

Whatever becomes of it, or of the terminal that it waits for, is nothing to the run.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from gage.cli import guarded
from gage.errors import GageError
from gage.pipeline import is_pipeline
from gage.porcelain.watching import watch_run
from gage.recorded import recorded_opdef
from gage.run import Run
from gage.signals import held_back
from gage.standing import Standing

TERMINAL = 2
"""Where a viewer shows what it sees: standard error, which is for talk."""

_PATIENCE = 2.0
_AT_FIRST = 0.25


def is_wanted(run: Run) -> bool:
    """Whether a person at a terminal sees more by a picture of *run* than by its output."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    try:
        return is_pipeline(recorded_opdef(run))
    except GageError:
        return False


@contextmanager
def viewed(run: Run) -> Iterator[None]:
    """Show how *run* stands for a ``with`` block, which must not write to the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    theirs, ours = os.pipe()
    # A signal that comes now must not end us in the middle, nor the viewer as if it were us.
    with held_back():
        pid = os.fork()
        if pid == 0:
            _become_viewer(run, theirs)
    os.close(theirs)
    try:
        yield
    finally:
        os.close(ours)
        _end(pid)


def _become_viewer(run: Run, over: int) -> NoReturn:
    code = 1
    try:
        # What is asked by a key is asked of the run, and we see what comes of it.
        for signum in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(signum, signal.SIG_IGN)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        # No lock of ours may be held by whoever only looks.
        os.dup2(over, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = guarded("gage run", lambda: _watch(run, 3))
    finally:
        os._exit(code)


def _watch(run: Run, over: int) -> int:
    def is_over(seconds: float, standings: Sequence[Standing]) -> bool:
        return bool(select.select([over], [], [], seconds)[0])

    if not is_over(_AT_FIRST, ()):
        watch_run(run, TERMINAL, is_over)
    return 0


def _end(pid: int) -> None:
    """Wait for the viewer to take its picture away; a terminal that takes nothing ends it."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
