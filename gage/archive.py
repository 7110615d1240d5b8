"""An archive of runs: a pax tar, in which each run lies as it lies in its runs home.

``NAME/…``, ``NAME.meta/…`` and ``NAME.user/…``, in that order, the names in theirs. Owners
are left out, and what only belongs to this machine: locks, the index, the trash. Files are
reached by descriptor, never through a link, and hard links are files of their own.
"""

import errno
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

from gage.claims import check_run
from gage.dirs import Dirs, file_type, joined, walk
from gage.errors import LockedError, NotFoundError, StateError, UsageError
from gage.fact_sizes import Sizes
from gage.finding import Finding
from gage.locks import holding, is_held
from gage.pipeline import linked_names
from gage.process_tree import check_no_survivors
from gage.progress import Progress, ignore
from gage.reading import READ
from gage.run import Run, checked_name, has_fact
from gage.step_circles import find_circle

PARTS = ("", ".meta", ".user")


def write_archive(runs: Sequence[Run], to: IO[bytes], *, progress: Progress = ignore) -> None:
    """Write an archive of *runs* to the stream *to*, and hold them all meanwhile.

    Each is verified before anything is written, as it will be where it is imported. Raises
    LockedError where one is at work, StateError for what cannot be archived, NotFoundError
    where one is gone, and OSError.
    """
    with ExitStack() as held:
        for run in runs:
            held.enter_context(_at_rest(run))
        for run in runs:
            _expect_importable(run, progress)
        there = {run.name: run for run in runs}
        if name := find_circle(
            there, lambda name: linked_names(there[name]) if name in there else ()
        ):
            raise StateError(f"{there[name]}: is a step of itself", "remove the link that says so")
        with tarfile.open(
            fileobj=to, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape"
        ) as tar:
            for run in runs:
                for part in PARTS:
                    if os.path.lexists(run.run_dir + part):
                        _add_tree(tar, run, part)


def is_unfinished(run: Run) -> bool:
    """Whether *run* was started and is not finalized: how it ended is only known here."""
    return has_fact(run, "started") and not has_fact(run, "proc", "exit")


def is_refused(finding: Finding) -> bool:
    """Whether a run of which this is found goes in no archive, and comes out of none.

    What links of steps lead to need not be in the archive.
    """
    is_untrue = finding.severity == "error" and finding.what != "link"
    return is_untrue or finding.what == "unfinished"


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


@contextmanager
def _at_rest(run: Run) -> Iterator[None]:
    """Hold *run*, with nothing of it at work, for a ``with`` block."""
    with ExitStack() as held:
        if os.path.isdir(run.meta_dir):
            try:
                held.enter_context(holding(run, finishing=True))
            except OSError as error:
                # Where nothing can be written, nobody can begin anything either.
                if error.errno != errno.EROFS or is_held(run, "runner"):
                    raise
            except LockedError:
                raise LockedError(f"{run}: is at work", f"gage-status --wait {run}") from None
            check_no_survivors(run)
        if not os.path.isdir(run.meta_dir):
            raise NotFoundError(f"{run}: no run here")
        yield


def _expect_importable(run: Run, progress: Progress) -> None:
    if is_unfinished(run):
        raise StateError(f"{run}: is not finalized", f"gage-finalize {run}")
    sizes = Sizes()
    for part in PARTS[1:]:
        if os.path.isdir(run.run_dir + part):
            _expect_sizes(run.run_dir + part, part, sizes)
    for finding in check_run(run, is_ours=True, progress=progress):
        if is_refused(finding):
            where = os.path.join(run.home, finding.path)
            raise StateError(f"{where}: {finding.message}", finding.hint)


def _expect_sizes(top: str, part: str, sizes: Sizes) -> None:
    with Dirs(top) as dirs:
        for place in walk(dirs, lambda path, error: _fail(top, path, error)):
            for entry in place.files:
                path = joined(place.path, entry.name)
                size = entry.stat(follow_symlinks=False).st_size
                if trouble := sizes.trouble(part, path, size):
                    raise StateError(f"{top}/{path}: {trouble}")


def _is_name(name: str) -> bool:
    try:
        return bool(checked_name(name))
    except UsageError:
        return False


def _add_tree(tar: tarfile.TarFile, run: Run, part: str) -> None:
    top = run.name + part
    with Dirs(run.run_dir + part) as dirs:
        for place in walk(dirs, lambda path, error: _fail(run.run_dir + part, path, error)):
            folder = tarfile.TarInfo(joined(top, place.path) if place.path else top)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
            for entry in place.files:
                path = joined(place.path, entry.name)
                _add_file(tar, place.fd, entry, path, f"{top}/{path}", part)


def _fail(top: str, path: str, error: OSError) -> None:
    error.filename = os.path.join(top, path)
    raise error


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
