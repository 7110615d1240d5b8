"""An archive of runs: a pax tar, in which each run lies as it lies in its runs home.

``NAME/…``, ``NAME.meta/…`` and ``NAME.user/…``, in that order, the names in theirs. Owners
are left out, and what only belongs to this machine: locks, the index, the trash. Files are
reached by descriptor, never through a link, and hard links are files of their own.
"""

import os
import stat
import tarfile
from collections.abc import Sequence
from typing import IO

from gage.dirs import Dirs, file_type, joined, walk
from gage.errors import LockedError, NotFoundError, StateError, UsageError
from gage.locks import is_held
from gage.reading import READ
from gage.run import Run, checked_name

PARTS = ("", ".meta", ".user")


def write_archive(runs: Sequence[Run], to: IO[bytes]) -> None:
    """Write an archive of *runs* to the stream *to*.

    Raises LockedError where one is at work, StateError for what cannot be archived,
    NotFoundError where one is gone, and OSError.
    """
    with tarfile.open(
        fileobj=to, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape"
    ) as tar:
        for run in runs:
            if is_held(run, "runner") or is_held(run, "tree"):
                raise LockedError(f"{run}: is at work", f"gage-status --wait {run}")
            if not os.path.isdir(run.meta_dir):
                raise NotFoundError(f"{run}: no run here")
            for part in PARTS:
                if os.path.lexists(run.run_dir + part):
                    _add_tree(tar, run, part)


def inner_link(path: str, target: str) -> bool:
    """Whether a link at *path* of a run dir that holds *target* stays in the run, or is that
    of a step, ``../NAME`` at the top.
    """
    if "/" not in path and target.startswith("../") and "/" not in target[3:]:
        return _is_name(target[3:])
    depth = path.count("/")
    if target.startswith("/") or not target:
        return False
    down = False
    for word in target.split("/"):
        if word == ".." and down:
            return False  # what it comes down by may be a link, and lead up from elsewhere
        down = down or word not in (".", "..", "")
        depth -= word == ".."
    return depth >= 0


def _is_name(name: str) -> bool:
    try:
        return bool(checked_name(name))
    except UsageError:
        return False


def _add_tree(tar: tarfile.TarFile, run: Run, part: str) -> None:
    top = run.name + part

    def fail(path: str, error: OSError) -> None:
        error.filename = os.path.join(run.run_dir + part, path)
        raise error

    with Dirs(run.run_dir + part) as dirs:
        for place in walk(dirs, fail):
            folder = tarfile.TarInfo(joined(top, place.path) if place.path else top)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
            for entry in place.files:
                path = joined(place.path, entry.name)
                _add_file(tar, place.fd, entry, path, f"{top}/{path}", part)


def _add_file(
    tar: tarfile.TarFile, at: int, entry: "os.DirEntry[str]", path: str, name: str, part: str
) -> None:
    info = tarfile.TarInfo(name)
    status = entry.stat(follow_symlinks=False)
    info.mtime = max(0, int(status.st_mtime))
    # log/files knows times to the microsecond, of which a float would lose one in twelve.
    seconds, rest = divmod(abs(status.st_mtime_ns), 10**9)
    sign = "-" if status.st_mtime_ns < 0 else ""
    info.pax_headers = {"mtime": f"{sign}{seconds}.{rest:09}"}
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(entry.name, dir_fd=at)
        if part or not inner_link(path, target):
            raise StateError(f"{name}: a link that leads outside: {target}")
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
        tar.addfile(info)
        return
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"{name}: {file_type(status.st_mode)} cannot be archived")
    fd = os.open(entry.name, READ, dir_fd=at)
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        info.size, info.mode = status.st_size, stat.S_IMODE(status.st_mode) & 0o755
        try:
            tar.addfile(info, file)
        except OSError as error:
            if error.errno:
                raise
            raise StateError(f"{name}: changed while it was read", "try again") from None
