"""Mending what a check has found, where nothing need be made up for it.

Half lines are taken away, and so is what nobody needs any more and the right to write to what
is sealed. Each of these can be interrupted and done again. What is lost stays lost.
"""

import contextlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence

from gage import index, trash
from gage.acting import expect_our_home
from gage.claims import check_run
from gage.dirs import Dirs, is_gone
from gage.durable import Sync, unlink
from gage.facts import log_action
from gage.finding import Finding
from gage.home_claims import LOCKS, TMP, abandoned_locks, is_ours
from gage.listing import is_index_right
from gage.locks import holding
from gage.process_tree import check_no_survivors
from gage.reading import READ, chmod_path_fd, open_beneath
from gage.removing import remove_abandoned, remove_tree
from gage.run import Run, has_fact
from gage.sealing import UNSEALED


def is_mendable(finding: Finding) -> bool:
    """Whether repair_run mends it."""
    return finding.severity == "warning" and finding.what in _MENDS


def repair_run(run: Run) -> None:
    """Mend what can be mended of *run*, and tell so in its log.

    Raises LockedError where anything is at work on it, OSError.
    """
    with holding(run, finishing=True):
        check_no_survivors(run)
        findings = [
            finding
            for finding in check_run(run, is_ours=True, contents=False)
            if is_mendable(finding)
        ]
        if not findings:
            return
        with Dirs(run.home) as dirs:
            # Half a line first: what is appended to it would make it a damaged one.
            _mend(dirs, [f for f in findings if f.what == "cut"], run.sync)
            is_log_there = _tell(run, dirs, findings)
            _mend(dirs, [f for f in findings if f.what != "cut"], run.sync)
            if has_fact(run, "proc", "exit") and is_log_there:
                _seal(dirs, f"{run.name}.meta/log/runner", run.sync)


def repair_home(home: str) -> None:
    """Finish what was interrupted in *home*, and remove what is of no use.

    Raises OSError, StateError for root in a runs home of another user.
    """
    expect_our_home(home)
    trouble = trash.sweep(home)
    if is_ours(home):
        with contextlib.suppress(FileNotFoundError):
            remove_abandoned(os.path.join(home, TMP))
        for name in abandoned_locks(home):
            remove_tree(os.path.join(home, LOCKS, name))
    if not is_index_right(home):
        with contextlib.suppress(IsADirectoryError):
            unlink(os.path.join(home, index.NAME))
    if trouble:
        raise trouble


def _mend(dirs: Dirs, findings: Sequence[Finding], sync: Sync) -> None:
    for finding in findings:
        try:
            _MENDS[finding.what](dirs, finding.path, sync)
        except OSError as error:
            # What is gone needs no mending, and of what is not ours it is told once more.
            if not is_gone(error) and not isinstance(error, PermissionError):
                raise


def _tell(run: Run, dirs: Dirs, findings: Sequence[Finding]) -> bool:
    """Tell the log of *run* what is mended; whether it has one."""
    try:
        fd = open_beneath(dirs, f"{run.name}.meta/log/runner", READ)
    except OSError:
        return False  # a log that is gone is not begun again as if it were whole
    is_file = stat.S_ISREG(os.fstat(fd).st_mode)
    os.close(fd)
    if is_file:
        counts = Counter(finding.what for finding in findings)
        log_action(
            run, "repaired: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        )
    return is_file


def _seal(dirs: Dirs, path: str, sync: Sync) -> None:
    fd = open_beneath(dirs, path, READ)
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_mode & UNSEALED:
            if sync != "none":
                os.fsync(fd)
            os.fchmod(fd, stat.S_IMODE(status.st_mode) & ~UNSEALED)
    finally:
        os.close(fd)


def _drop_half_line(dirs: Dirs, path: str, sync: Sync) -> None:
    place = open_beneath(dirs, path, os.O_PATH | os.O_NOFOLLOW)
    try:
        mode = os.fstat(place).st_mode
        if not stat.S_ISREG(mode):
            return
        try:
            fd = open_beneath(dirs, path, os.O_RDWR | os.O_NOFOLLOW)
        except PermissionError:
            chmod_path_fd(place, mode | 0o200)
            fd = open_beneath(dirs, path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            os.ftruncate(fd, _end_of_lines(fd))
            if sync != "none":
                os.fsync(fd)
        finally:
            os.close(fd)
            chmod_path_fd(place, mode)
    finally:
        os.close(place)


def _end_of_lines(fd: int) -> int:
    """The length of the file at *fd* without the half line at its end."""
    end = os.fstat(fd).st_size
    while end > 0:
        start = max(0, end - _PIECE)
        at = os.pread(fd, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def _remove(dirs: Dirs, path: str, sync: Sync) -> None:
    folder, _, name = path.rpartition("/")
    fd = dirs.fd(folder)
    os.unlink(name, dir_fd=fd)
    if sync != "none":
        os.fsync(fd)


_PIECE = 1 << 16

_MENDS: dict[str, Callable[[Dirs, str, Sync], None]] = {
    "cut": _drop_half_line,
    "left-over": _remove,
    "writable": _seal,
}
