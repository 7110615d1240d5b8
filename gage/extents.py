"""Extents: where a file holds data. Between them are holes, which read as zeros."""

import errno
import os
from collections.abc import Iterator

MUCH = 1 << 30
"""A file whose holes are of more bytes than this is sparse: to read them would take too long."""


def extents(fd: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """From where to where the file at *fd* holds data, in order."""
    size = status.st_size
    if status.st_blocks * 512 >= size:
        yield 0, size
        return
    stop = 0
    while stop < size:
        try:
            start = os.lseek(fd, stop, os.SEEK_DATA)
            stop = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            start, stop = stop, size  # this file system knows of no holes
        yield start, min(stop, size)


def is_sparse(fd: int, status: os.stat_result) -> bool:
    """Whether much of the file at *fd* is holes."""
    # What is compressed takes less room than its size, too, and has no holes.
    if status.st_size - status.st_blocks * 512 <= MUCH:
        return False
    return status.st_size - sum(stop - start for start, stop in extents(fd, status)) > MUCH
