"""Copies of files, made and digested in one pass.

Both ends are reached by descriptor and never through a link. A copy keeps the mode of the
original, less set-id, sticky and what lets others write, and its time of modification; what
is sparse stays sparse; a link stays a link. A file that changes while it is copied is
copied again, and refused where it does not come to rest.
"""

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gage.digest import CHUNK, Hash, format_digest, link_digest, new_hash
from gage.dirs import Dirs
from gage.durable import write_all
from gage.errors import StateError
from gage.project_links import inner_target
from gage.sourcecode import Source

_TRIES = 3
_LONGEST_TICK = 0.01  # seconds: CONFIG_HZ=100
_REALTIME_COARSE = 5  # of clock_gettime(2); time has no name for it
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Stamp(NamedTuple):
    """What changes when a file does: while it is the same, so is the content."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Copied(NamedTuple):
    """A copy: its path in the target, its digest, and when it was modified, in µs.

    *stamp* is None where the file could change yet without showing it: it was made in the
    clock tick that it was last looked at in.
    """

    path: str
    digest: str
    mtime: int
    stamp: Stamp | None = None


def copy_sources(
    project: str,
    sources: Sequence[Source],
    target: str,
    algorithm: str,
    *,
    targets: Sequence[str] | None = None,
) -> list[Copied]:
    """Copy *sources* of the directory *project* into *target*, which is made where missing.

    *targets* are the paths of the copies where they are not those of the sources. Raises
    StateError that names a source that cannot be copied, or whose place is taken; OSError
    where the copy cannot be written.
    """
    root = os.path.realpath(project)
    copied: list[Copied] = []
    with Dirs(root) as origin, Dirs(target, make=True) as end:
        for source, path in zip(sources, targets or [s.path for s in sources], strict=True):
            copy = _copy_link if source.kind == "link" else _copy_file
            copied.append(copy(origin, source, end, path, algorithm))
    tick = _tick()
    return [
        copy._replace(stamp=None) if copy.stamp and copy.stamp.ctime_ns >= tick else copy
        for copy in copied
    ]


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file as *status* shows it."""
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _copy_link(origin: Dirs, source: Source, end: Dirs, path: str, algorithm: str) -> Copied:
    folder, _, name = source.path.rpartition("/")
    there, _, link = path.rpartition("/")
    try:
        fd = origin.fd(folder)
        mtime = os.lstat(name, dir_fd=fd).st_mtime_ns
        target = source.target or inner_target(
            origin.root, source.path, os.readlink(name, dir_fd=fd)
        )
    except OSError as error:
        raise _unreadable(origin, source, error) from None
    if target is None:
        raise StateError(f"{_named(origin, source)}: a link that leads outside")
    try:
        fd = end.fd(there)
        os.symlink(target, link, dir_fd=fd)
        os.utime(link, ns=(mtime, mtime), dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        raise _unwritable(end, path, error) from None
    return Copied(path, link_digest(target), mtime // 1000)


def _copy_file(origin: Dirs, source: Source, end: Dirs, path: str, algorithm: str) -> Copied:
    folder, _, name = source.path.rpartition("/")
    try:
        file = os.open(name, _READ, dir_fd=origin.fd(folder))
    except OSError as error:
        raise _unreadable(origin, source, error) from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise StateError(f"{_named(origin, source)}: not a file any more")
        folder, _, name = path.rpartition("/")
        try:
            # Closed to others until it is whole and gets the mode of the original.
            copy = os.open(name, _CREATE, 0o600, dir_fd=end.fd(folder))
        except OSError as error:
            raise _unwritable(end, path, error) from None
        try:
            status, digest = _copy_at_rest(file, copy, algorithm)
            if status is None:
                raise StateError(
                    f"{_named(origin, source)}: changed while it was copied",
                    "try again when nothing writes to it",
                )
            os.fchmod(copy, status.st_mode & 0o775)
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            return Copied(path, digest, status.st_mtime_ns // 1000, stamp_of(os.fstat(copy)))
        except OSError as error:
            raise _unwritable(end, path, error) from None
        finally:
            os.close(copy)
    finally:
        os.close(file)


def _copy_at_rest(file: int, copy: int, algorithm: str) -> tuple[os.stat_result | None, str]:
    """Copy *file* between two looks that show no change; no status where it never rests."""
    for attempt in range(_TRIES):
        before = os.fstat(file)
        if before.st_ctime_ns >= _tick():
            # It changed in this tick of the clock, and another change would not show.
            time.sleep(_LONGEST_TICK)
            before = os.fstat(file)
        if attempt:
            os.ftruncate(copy, 0)
            os.lseek(copy, 0, os.SEEK_SET)
        digest = _copy_bytes(file, copy, before, algorithm)
        if stamp_of(os.fstat(file)) == stamp_of(before):
            return before, digest
    return None, ""


def _copy_bytes(file: int, copy: int, status: os.stat_result, algorithm: str) -> str:
    """Write all that *file* holds to *copy*, which is empty; the digest of it."""
    hash = new_hash(algorithm)
    offset, size = 0, status.st_size
    for start, stop in _extents(file, status):
        if start > offset:
            _digest_zeros(hash, start - offset)
            os.lseek(copy, start, os.SEEK_SET)
        offset = start
        while offset < stop and (data := os.pread(file, min(CHUNK, stop - offset), offset)):
            hash.update(data)
            write_all(copy, data)
            offset += len(data)
    if offset < size:
        _digest_zeros(hash, size - offset)
        os.ftruncate(copy, size)
    return format_digest(algorithm, hash)


def _extents(file: int, status: os.stat_result) -> Iterator[tuple[int, int]]:
    """From where to where *file* holds data, in order; between them are holes."""
    size = status.st_size
    if status.st_blocks * 512 >= size:
        yield 0, size
        return
    stop = 0
    while stop < size:
        try:
            start = os.lseek(file, stop, os.SEEK_DATA)
            stop = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        yield start, min(stop, size)


def _digest_zeros(hash: Hash, count: int) -> None:
    zeros = memoryview(bytes(min(count, CHUNK)))
    while count > 0:
        hash.update(zeros[:count])
        count -= CHUNK


def _tick() -> int:
    """The time that the kernel gives to what changes now, in ns."""
    return time.clock_gettime_ns(_REALTIME_COARSE)


def _named(dirs: Dirs, source: Source) -> str:
    return os.path.join(dirs.root, source.path)


def _unreadable(origin: Dirs, source: Source, error: OSError) -> StateError:
    return StateError(f"{_named(origin, source)}: cannot be read: {error.strerror}")


def _unwritable(end: Dirs, path: str, error: OSError) -> Exception:
    path = os.path.join(end.root, path)
    if error.errno == errno.EEXIST:
        return StateError(f"{path}: already there")
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return StateError(f"{path}: in its way is a link, or a file where a directory should be")
    error.filename = path
    return error
