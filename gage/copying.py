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
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from gage.digest import (
    CHUNK,
    Hash,
    algorithm_for,
    digest_fd,
    format_digest,
    link_digest,
    new_hash,
)
from gage.dirs import Dirs, make_link
from gage.durable import write_all
from gage.errors import StateError
from gage.extents import extents
from gage.progress import Progress, ignore
from gage.project_links import inner_target
from gage.sourcecode import Source

_TRIES = 3
_LONGEST_TICK = 10_000_000  # nanoseconds: CONFIG_HZ=100
_REALTIME_COARSE = 5  # of clock_gettime(2); time has no name for it
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Copied(NamedTuple):
    """A copy: its path in the target, its digest, and when it was modified, in µs."""

    path: str
    digest: str
    mtime: int


def copy_sources(
    project: str,
    sources: Sequence[Source],
    target: str,
    algorithm: str,
    *,
    targets: Sequence[str] | None = None,
    read_only: bool = False,
    progress: Progress = ignore,
) -> list[Copied]:
    """Copy *sources* of the directory *project* into *target*, which is made where missing.

    *targets* are the paths of the copies where they are not those of the sources. With
    *read_only* nobody may write to the copies, so that sealing need not open them again.
    Raises StateError that names a source that cannot be copied, or whose place is taken;
    OSError where the copy cannot be written.
    """
    copied: list[Copied] = []
    keep = 0o555 if read_only else 0o775
    done = 0
    with Dirs(os.path.realpath(project)) as origin, Dirs(target, make=True) as end:
        total = _size(origin, sources) if progress is not ignore else 0
        for source, path in zip(sources, targets or [s.path for s in sources], strict=True):
            if source.kind == "link":
                copied.append(_copy_link(origin, source, end, path))
                continue
            copy, size = _copy_file(origin, source, end, path, algorithm, keep)
            copied.append(copy)
            done += size
            progress(done, total)
    return copied


def _copy_link(origin: Dirs, source: Source, end: Dirs, path: str) -> Copied:
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
        make_link(target, link, os.path.join(end.root, path), fd)
        os.utime(link, ns=(mtime, mtime), dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        raise _unwritable(end, path, error) from None
    return Copied(path, link_digest(target), mtime // 1000)


def _copy_file(
    origin: Dirs, source: Source, end: Dirs, path: str, algorithm: str, keep: int
) -> tuple[Copied, int]:
    """Copy one file, with the bits *keep* of its mode; the copy, and its size."""
    folder, _, name = source.path.rpartition("/")
    try:
        file = os.open(name, _READ, dir_fd=origin.fd(folder))
    except OSError as error:
        raise _unreadable(origin, source, error) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise StateError(f"{_named(origin, source)}: not a file any more")
        folder, _, name = path.rpartition("/")
        try:
            # Closed to others until it is whole and gets the mode of the original.
            copy = os.open(name, _CREATE, 0o600, dir_fd=end.fd(folder))
        except OSError as error:
            raise _unwritable(end, path, error) from None
        try:
            status, digest = _copy_at_rest(file, copy, status, algorithm)
            if not digest:
                raise StateError(
                    f"{_named(origin, source)}: changed while it was copied",
                    "try again when nothing writes to it",
                )
            # We made it: who may not change its mode is on a file system that has none.
            with suppress(PermissionError):
                os.fchmod(copy, status.st_mode & keep)
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            return Copied(path, digest, status.st_mtime_ns // 1000), status.st_size
        except OSError as error:
            raise _unwritable(end, path, error) from None
        finally:
            os.close(copy)
    finally:
        os.close(file)


def _copy_at_rest(
    file: int, copy: int, before: os.stat_result, algorithm: str
) -> tuple[os.stat_result, str]:
    """Copy *file* between two looks that show no change; no digest where it never rests."""
    for _ in range(_TRIES):
        if 0 <= before.st_ctime_ns - time.clock_gettime_ns(_REALTIME_COARSE) <= _LONGEST_TICK:
            # It changed in this tick of the clock, and another change would not show.
            time.sleep(_LONGEST_TICK / 1e9)
            rested = os.fstat(file)
            if rested.st_ctime_ns != before.st_ctime_ns:
                before = rested
                continue
        digest = _copy_bytes(file, copy, before, algorithm)
        after = os.fstat(file)
        if (
            after.st_ctime_ns == before.st_ctime_ns
            and after.st_mtime_ns == before.st_mtime_ns
            and after.st_size == before.st_size
        ):
            return before, digest
        before = after
        os.ftruncate(copy, 0)
        os.lseek(copy, 0, os.SEEK_SET)
    return before, ""


def _copy_bytes(file: int, copy: int, status: os.stat_result, algorithm: str) -> str:
    """Write all that *file* holds to *copy*, which is empty; the digest of it."""
    chosen = algorithm_for(file, status, algorithm)
    sparse = chosen != algorithm
    hash = new_hash(algorithm)
    offset, size = 0, status.st_size
    for start, stop in extents(file, status):
        if start > offset:
            if not sparse:
                _digest_zeros(hash, start - offset)
            os.lseek(copy, start, os.SEEK_SET)
        offset = start
        while offset < stop and (data := os.pread(file, min(CHUNK, stop - offset), offset)):
            hash.update(data)
            write_all(copy, data)
            offset += len(data)
    if offset < size:
        if not sparse:
            _digest_zeros(hash, size - offset)
        os.ftruncate(copy, size)
    return digest_fd(copy, chosen) if sparse else format_digest(algorithm, hash)


def _digest_zeros(hash: Hash, count: int) -> None:
    zeros = memoryview(bytes(min(count, CHUNK)))
    while count > 0:
        hash.update(zeros[:count])
        count -= CHUNK


def _size(origin: Dirs, sources: Sequence[Source]) -> int:
    size = 0
    for source in sources:
        folder, _, name = source.path.rpartition("/")
        try:
            size += os.lstat(name, dir_fd=origin.fd(folder)).st_size
        except OSError:
            continue  # to copy it will tell
    return size


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
