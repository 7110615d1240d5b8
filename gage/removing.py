"""Removing a directory with all that it holds, without ever leaving it through a link.

Directories are opened by descriptor and lifted to the top before they are emptied, so that
neither the depth of a tree nor the length of its paths matters; closed permissions are
opened on the way.
"""

import os


def remove_tree(path: str) -> None:
    """Remove the directory *path* and everything in it; that it is gone already is no error.

    A link is removed, never followed. Raises OSError.
    """
    try:
        top = _open_directory(path)
    except FileNotFoundError:
        return
    try:
        while names := os.listdir(top):
            for name in names:
                _remove(top, name)
    finally:
        os.close(top)
    os.rmdir(path)


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
