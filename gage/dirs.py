"""The directories beneath a root, opened one level at a time and never through a link.

Every file of a project or a run is reached by the descriptor of its directory, so that no
link, though it be put there at the worst moment, leads anywhere else, and no path is too
long. A path is relative to the root, with ``/``; the root itself is the empty path.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple

from gage.errors import SystemRefusedError

_OPEN_LEVELS = 64
"""So many levels are kept open; below them only the last, so that depth costs no descriptors."""

_PASSING = frozenset(
    (
        *(errno.EAGAIN, errno.EDQUOT, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ENOSPC, errno.ESTALE, errno.ETIMEDOUT),
    )
)

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Dirs:
    """Descriptors of the directories beneath *root*, the last used and its parents kept open.

    With *make*, a directory that is missing is made. With *mend*, one of our own that we
    may not read is made accessible to its owner, as finalize needs to. Raises OSError
    where *root* cannot be opened, or is a link.
    """

    def __init__(self, root: str, *, make: bool = False, mend: bool = False) -> None:
        self.root = root
        self._make = make
        self._mend = mend
        self._path = ""
        self._names: list[str] = []
        self._fds = [self._opened(root, None)]

    def fd(self, path: str) -> int:
        """The descriptor of the directory *path*; it is good until the next call.

        Raises OSError, with the whole path in it, where that cannot be opened.
        """
        if path == self._path:
            return self._fds[-1]
        parts = path.split("/") if path else []
        while self._names != parts[: len(self._names)]:
            self._leave()
        while self._fds[-1] < 0:
            self._leave()
        for depth in range(len(self._names), len(parts)):
            try:
                self._enter(parts[depth])
            except OSError as error:
                error.filename = os.path.join(self.root, *parts[: depth + 1])
                raise
        return self._fds[-1]

    def close(self) -> None:
        """Close all descriptors."""
        for fd in self._fds:
            if fd >= 0:
                os.close(fd)
        self._fds = []

    def __enter__(self) -> "Dirs":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _enter(self, name: str) -> None:
        fd = self._opened(name, self._fds[-1])
        if len(self._fds) > _OPEN_LEVELS:
            os.close(self._fds[-1])
            self._fds[-1] = -1
        self._fds.append(fd)
        self._names.append(name)
        self._path = "/".join(self._names)

    def _leave(self) -> None:
        fd = self._fds.pop()
        if fd >= 0:
            os.close(fd)
        self._names.pop()
        self._path = "/".join(self._names)

    def _opened(self, name: str, parent: int | None) -> int:
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            if not self._make:
                raise
            os.mkdir(name, 0o775, dir_fd=parent)
            fd = os.open(name, _DIRECTORY, dir_fd=parent)
        except PermissionError:
            if not self._mend:
                raise
            _let_owner_in(name, parent)
            return os.open(name, _DIRECTORY, dir_fd=parent)
        if self._mend and ~stat.S_IMODE(os.fstat(fd).st_mode) & 0o500:
            # It can be listed but not searched; whose it is not, keeps it so.
            try:
                os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode) | 0o700)
            except PermissionError:
                pass
        return fd


class Place(NamedTuple):
    """A directory that a walk has come to.

    *path* is its path, *fd* its descriptor until the walk goes on, *files* what is in it
    but directories, *folders* the names of the directories, both in order. A name that is
    removed from *folders* is not entered.
    """

    path: str
    fd: int
    files: list["os.DirEntry[str]"]
    folders: list[str]


def walk(dirs: Dirs, on_error: Callable[[str, OSError], None] | None = None) -> Iterator[Place]:
    """Every directory beneath the root, each before those in it, links never entered.

    What cannot be read is told to *on_error* with its path, or raised as it is; nothing is left
    out in silence.
    """
    ahead = [""]
    while ahead:
        path = ahead.pop()
        try:
            place = _listed(path, dirs.fd(path))
        except OSError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        yield place
        prefix = path + "/" if path else ""
        ahead.extend(prefix + name for name in reversed(place.folders))


def _listed(path: str, fd: int) -> Place:
    with os.scandir(fd) as entries:
        ordered = sorted(entries, key=_name)
    place = Place(path, fd, [], [])
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            place.folders.append(entry.name)
        else:
            place.files.append(entry)
    return place


def make_link(target: str, link: str, shown: str, at: int | None = None) -> None:
    """Make *link*, in the directory at descriptor *at*, a symbolic link that holds *target*.

    Raises OSError, and SystemRefusedError that calls it *shown* where there can be none.
    """
    try:
        os.symlink(target, link, dir_fd=at)
    except OSError as error:
        error.filename, error.filename2 = shown, None
        if error.errno in (errno.EPERM, errno.EOPNOTSUPP):
            raise SystemRefusedError(
                f"{shown}: cannot be made: its file system has no symbolic links",
                "keep the runs elsewhere",
            ) from None
        raise


def joined(folder: str, name: str) -> str:
    """The path of *name* in the directory *folder*."""
    return f"{folder}/{name}" if folder else name


def is_gone(error: OSError) -> bool:
    """Whether *error* says that there is nothing of that name."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def is_passing(error: OSError) -> bool:
    """Whether *error* is about the machine and not about the file, which another try may read."""
    return error.errno in _PASSING


def file_type(mode: int) -> str:
    """What a file of this mode is called, where it is neither a file nor a link."""
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _let_owner_in(name: str, parent: int | None) -> None:
    """Give the owner all rights to a directory that nobody may read, and to nothing else."""
    fd = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        os.chmod(f"/proc/self/fd/{fd}", mode | 0o700)
    finally:
        os.close(fd)
