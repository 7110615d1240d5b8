"""Removing a directory with all that it holds, without ever leaving it through a link.

Directories are opened by descriptor and lifted to the top before they are emptied, so that
neither the depth of a tree nor the length of its paths matters; closed permissions are
opened on the way.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterable

from gage.building import unheld
from gage.dirs import Dirs

ABANDONED_SECONDS = 86_400

_OURS = re.compile("[0-9a-f]{24}")


def remove_tree(path: str) -> None:
    """Remove the directory *path* and everything in it; that it is gone already is no error.

    A link is removed, never followed. Another may be removing it, too. Raises OSError.
    """
    try:
        top = _open_directory(path)
    except FileNotFoundError:
        return
    try:
        while not _is_removed(path):
            if not (names := os.listdir(top)):
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    _remove(top, name)
    finally:
        os.close(top)


def remove_abandoned(tmp: str) -> None:
    """Remove what killed verbs left in the directory *tmp* more than a day ago.

    What is still being built is held, and stays, whatever the clock says. What cannot be
    removed stays for another time.
    """
    for entry in abandoned(tmp):
        with contextlib.suppress(OSError), unheld(entry.path) as free:
            if not free:
                continue
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            else:
                os.unlink(entry.path)


def abandoned(tmp: str) -> list["os.DirEntry[str]"]:
    """What killed verbs left in the directory *tmp*, by the names that they give things.

    The directory may have been somebody's before, or have been replaced by a link.
    """
    if os.path.islink(tmp):
        return []
    return [entry for entry in untouched(tmp) if _OURS.fullmatch(entry.name)]


def untouched(directory: str) -> list["os.DirEntry[str]"]:
    """What is in *directory* that nobody holds, and that has not changed for a day."""
    before = time.time() - ABANDONED_SECONDS
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    with unheld(entry.path) as free:
                        if free:
                            found.append(entry)
    return found


def remove_files(top: str, paths: Iterable[str]) -> None:
    """Remove the files *paths* beneath the directory *top*, and directories then empty.

    What is gone already is no error. Raises OSError.
    """
    folders = set()
    with Dirs(top) as dirs:
        for path in paths:
            folder, _, name = path.rpartition("/")
            try:
                _unlinked(dirs.fd(folder), name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            while folder:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        for folder in sorted(folders, key=len, reverse=True):
            outer, _, name = folder.rpartition("/")
            try:
                os.rmdir(name, dir_fd=dirs.fd(outer))
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                    raise


def _is_removed(path: str) -> bool:
    """Whether the directory *path* is gone; it is not while something is in it."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _remove(top: int, name: str) -> None:
    if _unlinked(top, name):
        return
    directory = _open_directory(name, top)
    try:
        for inner in os.listdir(directory):
            if not _unlinked(directory, inner):
                # To move a directory is to write to it.
                os.close(_open_directory(inner, directory))
                os.rename(inner, os.urandom(16).hex(), src_dir_fd=directory, dst_dir_fd=top)
    finally:
        os.close(directory)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=top)


def _unlinked(directory: int, name: str) -> bool:
    """Whether *name* is gone; it is not where it is a directory."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        return False
    return True


def _open_directory(path: str, at: int | None = None) -> int:
    """A descriptor of a directory that may be listed and written."""
    place = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
    try:
        if os.fstat(place).st_mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
    finally:
        os.close(place)
