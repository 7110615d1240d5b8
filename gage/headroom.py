"""Headroom: room on the disk, taken before a command starts, for the facts of its end.

By then the disk may be full, of blocks or of inodes. ``.locks/NAME/headroom.N`` are files
that hold nothing: to remove one gives its room back, for what is written next.
"""

import errno
import os
from contextlib import suppress

from gage.run import Run, lock_path, remove_beside_locks, run_meta_path

AT_END = 4
"""So many are left when what is said at the command's end has its room."""

IN_HOOK = 3
"""So many are left while the hook of finalize runs, which may fill what there is."""

_COUNT = 5
_SIZE = 1 << 14


def take_headroom(run: Run) -> None:
    """Take room for the end of *run*. Raises OSError where the disk is too full for it.

    The manifest is written whole once more, beside the one that is there.
    """
    try:
        manifest = os.stat(run_meta_path(run, "manifest")).st_size
    except FileNotFoundError:
        manifest = 0
    try:
        for number in range(_COUNT):
            _reserve(_path(run, number), _SIZE if number else _SIZE + 2 * manifest)
    except OSError:
        give_headroom(run)
        raise


def give_headroom(run: Run, keep: int = 0) -> None:
    """Give the room back, but for that of *keep* files, as far as that can be done."""
    for number in reversed(range(keep, _COUNT)):
        with suppress(OSError):
            remove_beside_locks(run, f"headroom.{number}")


def _reserve(path: str, size: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        # Not every file system can, nor may every process write files of that size.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            error.filename = path
            raise
    finally:
        os.close(fd)


def _path(run: Run, number: int) -> str:
    return lock_path(run, f"headroom.{number}")
