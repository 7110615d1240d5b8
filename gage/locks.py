"""Locks on a run: who is at work on it, told by the kernel and not by a process ID.

They are open file description locks (``F_OFD_SETLK``, fcntl(2)): the kernel releases one
when the last descriptor of it is closed, so a holder that is killed lets go at once, and
``F_OFD_GETLK`` asks without taking, so that a reader never disturbs a writer.

``runner`` is held by the verb that works on the run; ``tree`` is held by the command and
inherited by what it starts, so it tells whether anything of it still lives. Who only
finishes a run holds the first byte of ``runner``: that keeps everybody else out, and is not
taken for the run itself.

Whoever keeps the output of a run also holds a lock on that file, which goes along where the
run is moved meanwhile, away from the other two.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gage.acting import expect_ours
from gage.errors import LockedError, StateError, SystemRefusedError
from gage.run import Run, has_fact, is_in_trash, lock_path, make_lock_dir, run_meta_path

# struct flock of fcntl(2) on Linux: l_type, l_whence, l_start, l_len, l_pid.
_FLOCK = "hhqqi4x"
_TO_THE_END = 0


def take(run: Run, name: str, *, finishing: bool = False) -> int:
    """Take the lock *name* (``runner`` or ``tree``) of *run*; the descriptor holds it.

    Close the descriptor to let go. With *finishing* the run is not running meanwhile.
    Raises LockedError where another holds it, StateError where the run may not be acted upon.
    """
    expect_ours(run)
    if is_in_trash(run):
        raise StateError(f"{run}: is deleted", f"gage runs restore {run.name}")
    path = lock_path(run, name)
    make_lock_dir(run)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(0, 1 if finishing else _TO_THE_END))
    except OSError as error:
        os.close(fd)
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise _held(run) from None
        raise SystemRefusedError(
            f"{path}: cannot be locked: {error.strerror}",
            "its file system has no such locks: keep the runs elsewhere",
        ) from None
    if name == "runner" and _is_written(run):
        os.close(fd)
        raise _held(run)
    return fd


def hold_output(fd: int) -> None:
    """Hold the lock of the output file at *fd* until it is closed, if that can be."""
    with suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(0, _TO_THE_END))


@contextmanager
def holding(run: Run, *, finishing: bool = False) -> Iterator[int]:
    """Hold the runner lock of *run* for a ``with`` block. Raises LockedError."""
    fd = take(run, "runner", finishing=finishing)
    try:
        yield fd
    finally:
        os.close(fd)


def is_held(run: Run, name: str) -> bool:
    """Whether anyone holds the lock *name* of *run*, asked without taking it.

    Raises OSError where we may not ask: that is no reason to call anybody dead.
    """
    return _is_locked(lock_path(run, name), 0)


def is_running(run: Run) -> bool:
    """Whether anyone is at work on *run*, but for finishing it. Raises OSError as is_held."""
    return _is_locked(lock_path(run, "runner"), 1) or _is_written(run)


def _is_written(run: Run) -> bool:
    """Whether the output of *run* is being kept, whatever the run was called then."""
    return _is_locked(run_meta_path(run, "output", "40_run"), 0)


def _held(run: Run) -> LockedError:
    if has_fact(run, "started") and not has_fact(run, "proc", "exit") and is_running(run):
        return LockedError(f"{run}: still running", f"gage runs stop {run.name}")
    return LockedError(f"{run}: another process holds the run", "try again")


def _is_locked(path: str, start: int) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _flock(start, _TO_THE_END))
    finally:
        os.close(fd)
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


def _flock(start: int, length: int) -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
