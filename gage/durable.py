"""Writes that survive: a file appears whole and durable, or not at all.

A file is written under a temporary name in the runs home's ``.tmp``, synced, renamed to
its place, and the directory that now names it is synced. An fsync that failed is never
retried: the kernel may already have dropped the pages, and a second call would lie.

``Sync`` is a policy, as Git's ``core.fsync``: ``commit`` syncs facts, manifests,
directories and captured output one by one, and the files of the run dir by one syncfs(2);
``all`` syncs each file by itself; ``none`` syncs nothing and is for tests.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from typing import Literal, cast

from gage.building import hold
from gage.errors import StateError, UsageError

Sync = Literal["commit", "all", "none"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

_AT_ONCE = 1 << 24

FEW_FILES = 16
"""Up to so many files are synced one by one; above, syncing the file system is cheaper."""


def sync_policy(environ: Mapping[str, str]) -> Sync:
    """The policy that ``GAGE_FSYNC`` names, ``commit`` without it. Raises UsageError."""
    policy = environ.get("GAGE_FSYNC") or "commit"
    if policy not in ("commit", "all", "none"):
        raise UsageError(f"GAGE_FSYNC={policy}: expected commit, all or none")
    return cast(Sync, policy)


def put(tmp: str, path: str, data: bytes, *, mode: int = 0o444, sync: Sync = "commit") -> None:
    """Make *path* hold *data*, whole or not at all, replacing what was there.

    *tmp* is a directory on the same file system for the temporary file; *mode* is subject
    to the umask. Raises OSError, and then *path* is as it was.
    """
    with putting(tmp, path, mode=mode, sync=sync) as fd:
        write_all(fd, data)


@contextlib.contextmanager
def putting(tmp: str, path: str, *, mode: int = 0o444, sync: Sync = "commit") -> Iterator[int]:
    """As ``put``: *path* holds what a ``with`` block writes to the descriptor, if it ends well."""
    temporary, fd = "", -1
    try:
        temporary, fd = _begun(tmp, mode)
        yield fd
        _sync_fd(fd, sync)
        os.rename(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename = path  # the other name says nothing to anybody
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        if fd >= 0:
            os.close(fd)
    sync_dir(os.path.dirname(path), sync)


def replaceable(path: str, hint: str) -> str:
    """Where a file is put that a user calls *path*: at the end of the links that lead there.

    Raises StateError, with *hint*, for a device and the like, which would be gone.
    """
    path = os.path.realpath(path)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise StateError(f"{path}: no regular file", hint)
    return path


def create(path: str, data: bytes, *, mode: int = 0o444, sync: Sync = "commit") -> None:
    """Write a new file at *path*, in a directory that nobody reads yet. Raises OSError."""
    fd = os.open(path, _CREATE, mode)
    try:
        _write(fd, data, sync)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(fd)


def copy_file(path: str, copy: str, sync: Sync = "commit") -> None:
    """Write a new file *copy* that holds what *path* does, with its mode. Raises OSError."""
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fd = os.open(copy, _CREATE, os.fstat(source).st_mode & 0o777)
        try:
            while os.sendfile(fd, source, None, _AT_ONCE):
                pass
            if sync != "none":
                os.fsync(fd)
        finally:
            os.close(fd)
    finally:
        os.close(source)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of *data*: write(2) may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_dir(path: str, sync: Sync = "commit") -> None:
    """Make the names in the directory *path* durable."""
    if sync != "none":
        _sync(path, os.O_DIRECTORY)


def sync_file(path: str) -> None:
    """Make what the file at *path* holds durable; a link is not followed. Raises OSError."""
    _sync(path, os.O_NOFOLLOW)


def _sync(path: str, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unlink(path: str, sync: Sync = "commit") -> None:
    """Remove the name *path*, durably; that it is gone already is no error."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_dir(os.path.dirname(path), sync)


def sync_file_system(fd: int) -> None:
    """Make everything on the file system that holds *fd* durable, by syncfs(2)."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(fd) != 0:
        error = ctypes.get_errno()
        if error == errno.ENOSYS:
            os.sync()  # this kernel, or who stands for one, can only sync everything
            return
        raise OSError(error, os.strerror(error), "syncfs")


def _begun(tmp: str, mode: int) -> tuple[str, int]:
    """A new file in *tmp*, and its descriptor, which holds it."""
    while True:
        path = os.path.join(tmp, os.urandom(12).hex())
        fd = os.open(path, _CREATE, mode)
        if hold(fd):
            return path, fd
        os.close(fd)


def _write(fd: int, data: bytes, sync: Sync) -> None:
    write_all(fd, data)
    _sync_fd(fd, sync)


def _sync_fd(fd: int, sync: Sync) -> None:
    if sync != "none":
        os.fsync(fd)
