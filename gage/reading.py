"""Reading the files of a run: each opened once, never through a link, several at a time.

The digest is what takes the time, and leaves the interpreter to other threads meanwhile; so
large files are read in as many threads as there are processors for them.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gage.digest import CHUNK, digest_fd
from gage.dirs import Dirs, is_passing
from gage.progress import Progress
from gage.run_files import RunFile

if TYPE_CHECKING:
    from concurrent.futures import Future

    _Ahead = tuple[str, int, Future["Outcome"]]

_TRIES = 3

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""How a file of a run is opened: no link is followed, no FIFO waited for."""

# What threads cost, they win back from so much work, in bytes: each, and all together.
_LARGE = 512 * 1024
_MUCH = 16 * 1024 * 1024


Outcome = tuple[str, str]
"""The digest of a file, empty where it has none, and the trouble with it."""


def over_files(
    dirs: Dirs,
    files: Sequence[RunFile],
    work: Callable[[int, RunFile, Callable[[int], None]], Outcome],
    progress: Progress,
    *,
    mend: bool = False,
) -> dict[str, Outcome]:
    """The outcome of *work* on the descriptor of each file, by path, in threads if it pays.

    What keeps a file itself from being read is an outcome; what keeps the machine from
    reading it, which may pass, raises OSError.
    """
    total = sum(found.size for found in files)
    count = 0
    is_given_up = False

    def tell(more: int) -> None:
        nonlocal count
        if is_given_up:
            raise _GivenUpError
        count += more
        if pool is None:  # from a thread, what is told could come out of order
            progress(count, total)

    def closing(fd: int, found: RunFile) -> Outcome:
        try:
            return work(fd, found, tell)
        finally:
            os.close(fd)

    large = sum(found.size >= _LARGE for found in files)
    workers = len(os.sched_getaffinity(0)) if large > 1 and total >= _MUCH else 1
    pool = None
    if workers > 1:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(workers)
    outcomes: dict[str, Outcome] = {}
    ahead: deque[_Ahead] = deque()
    try:
        for found in files:
            try:
                fd = _open_to_read(dirs, found.path, mend)
            except OSError as error:
                if is_passing(error):
                    raise
                outcomes[found.path] = "", f"cannot be read: {error.strerror}"
                continue
            if pool is None or found.size < _LARGE:
                outcomes[found.path] = closing(fd, found)
                continue
            ahead.append((found.path, fd, pool.submit(closing, fd, found)))
            while len(ahead) > 2 * workers:
                path, _, future = ahead[0]
                outcomes[path] = _awaited(future, lambda: progress(count, total))
                ahead.popleft()
        for path, _, future in ahead:
            outcomes[path] = _awaited(future, lambda: progress(count, total))
    except BaseException:
        # Nobody waits for the rest of files that may be large. What is ahead goes first: a thread
        # that gives up takes the next.
        for _, fd, future in ahead:
            if future.cancel():
                os.close(fd)
        is_given_up = True
        raise
    finally:
        if pool is not None:
            pool.shutdown()
    return outcomes


class _GivenUpError(Exception):
    """Nobody asks for the outcome any more."""


def _awaited(future: "Future[Outcome]", meanwhile: Callable[[], None]) -> Outcome:
    while True:
        try:
            return future.result(timeout=0.1)
        except TimeoutError:
            meanwhile()


def digest_at_rest(
    fd: int, status: os.stat_result, algorithm: str, tell: Callable[[int], None]
) -> Outcome:
    """The digest of a file; where somebody goes on writing to it, the last one, and that."""
    if not stat.S_ISREG(status.st_mode):
        return "", "no file any more"
    digest = ""
    try:
        for _ in range(_TRIES):
            digest = digest_fd(fd, algorithm, tell)
            if status.st_size <= CHUNK:
                return digest, ""
            before, status = status, os.fstat(fd)
            if (before.st_size, before.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
                return digest, ""
    except OSError as error:
        if is_passing(error):
            raise
        return "", f"cannot be read: {error.strerror}"
    return digest, "it changed while it was read"


def _open_to_read(dirs: Dirs, path: str, mend: bool) -> int:
    """The descriptor of a file; with *mend* its owner may read it from now on."""
    try:
        return open_beneath(dirs, path, READ)
    except PermissionError:
        if not mend:
            raise
    fd = open_beneath(dirs, path, os.O_PATH | os.O_NOFOLLOW)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        chmod_path_fd(fd, status.st_mode | 0o400)
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
    finally:
        os.close(fd)


def open_beneath(dirs: Dirs, path: str, flags: int) -> int:
    """The descriptor of the file *path* beneath the root of *dirs*. Raises OSError."""
    folder, _, name = path.rpartition("/")
    return os.open(name, flags, dir_fd=dirs.fd(folder))


def chmod_path_fd(fd: int, mode: int) -> None:
    """Set the mode of a file opened with O_PATH, which fchmod(2) refuses."""
    os.chmod(f"/proc/self/fd/{fd}", stat.S_IMODE(mode))
