"""What is not yet whole is held by a lock, so that nobody takes it for left behind.

Age alone tells nothing: the clock may have jumped a day since. The lock is a flock(2) on the
file or directory itself; the kernel lets go of it when its holder dies. Where the file
system has no such locks, age has to do.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def hold(fd: int) -> bool:
    """Hold the new file or directory at *fd* until that is closed.

    False where somebody, who saw nobody hold it yet, has removed it.
    """
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_SH)
    return os.fstat(fd).st_nlink > 0


@contextmanager
def building(path: str, mode: int = 0o777) -> Iterator[None]:
    """Make the directory *path*, and hold it for a ``with`` block wherever it is renamed to."""
    while True:
        os.mkdir(path, mode)
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if hold(fd):
                break
            os.close(fd)
    try:
        yield
    finally:
        os.close(fd)


@contextmanager
def holding(path: str) -> Iterator[None]:
    """Hold what is at *path*, if it can be, for a ``with`` block wherever it is renamed to."""
    fd = -1
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        hold(fd)
    try:
        yield
    finally:
        if fd >= 0:
            os.close(fd)


@contextmanager
def unheld(path: str) -> Iterator[bool]:
    """Whether nobody holds what is at *path*, nor can come to hold it during a ``with`` block.

    It can be gone at the end nevertheless: what is whole goes to its place.
    """
    fd = -1
    free = True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # What cannot be opened, such as a link, cannot be held either.
        free = error.errno != errno.EWOULDBLOCK
    try:
        yield free
    finally:
        if fd >= 0:
            os.close(fd)
