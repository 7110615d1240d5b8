"""A listing: a row for every run of a runs home, from the files and from the index.

The rows of finished runs are taken from the index where the files still vouch for them:
``proc/exit``, the last fact of a run and the first that goes when it is reopened, must be the
same file that it was, and so must the directory of what people say. Everything else is read
anew each time.
"""

import os
import time

from gage import index
from gage.row import Row, read_row

INDEX_FROM = 100
"""A runs home with fewer runs is read faster without an index than with it."""

SETTLED_SECONDS = 2
"""A file that changed so lately may change again without a new time stamp to show it."""

_COLUMNS = Row._fields[:-1]


def read_rows(home: str) -> list[Row]:
    """A row for every run in *home*, the newest start first.

    Raises OSError only where *home* itself cannot be read.
    """
    try:
        with os.scandir(home) as found:
            entries = list(found)
    except FileNotFoundError:
        return []
    names = [
        entry.name[:-5]
        for entry in entries
        # What gage keeps is never kept behind a link.
        if entry.name[-5:] == ".meta" and entry.name[0] != "." and not entry.is_symlink()
    ]
    if len(names) < INDEX_FROM:
        rows = [read_row(home, name) for name in names]
    else:
        spoken_of = {entry.name[:-5] for entry in entries if entry.name[-5:] == ".user"}
        rows = _rows_by_index(home, names, spoken_of)
    rows = [row for row in rows if row.status != "unknown" or _is_there(row)]
    rows.sort(reverse=True)
    return rows


def _rows_by_index(home: str, names: list[str], spoken_of: set[str]) -> list[Row]:
    known = {row.name: row for row in map(Row._make, index.load(home, _COLUMNS, (home,)))}
    now, settling = time.time_ns(), SETTLED_SECONDS * 1_000_000_000
    rows: list[Row] = []
    new = 0
    home_fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            try:
                changed, vouch = _vouched(home_fd, name, name in spoken_of)
            except OSError:  # not finished, or no run
                rows.append(read_row(home, name))
                continue
            row = known.get(name)
            if row is None or row.vouch != vouch:
                row = read_row(home, name)
                # What is of the future is older than the clock, which was set back since.
                if abs(now - changed) > settling and _is_storable(row):
                    row = row._replace(vouch=vouch)
                    new += 1
            rows.append(row)
    finally:
        os.close(home_fd)
    # Writing all records costs what reading a few runs costs: not worth it for every one.
    if new > len(rows) // 100 + 10:
        index.save(home, _COLUMNS, [row[:-1] for row in rows if row.vouch])
    return rows


def _vouched(home_fd: int, name: str, spoken_of: bool) -> tuple[int, int]:
    """When what a row is believed by changed, and what stands for it. Raises OSError."""
    exit = os.stat(name + ".meta/proc/exit", dir_fd=home_fd)
    changed = exit.st_ctime_ns
    vouch = hash((exit.st_ino, changed))
    if spoken_of:
        user = os.stat(name + ".user", dir_fd=home_fd)
        changed = max(changed, user.st_ctime_ns)
        vouch = hash((vouch, user.st_ino, user.st_ctime_ns))
    return changed, vouch


def is_index_right(home: str) -> bool:
    """Whether the index of *home*, if there is one, says nothing that the files do not.

    A fact that was changed in its place, as nothing of gage does, leaves it wrong.
    """
    try:
        if not index.is_believed(os.lstat(os.path.join(home, index.NAME))):
            return True  # whatever it says
    except FileNotFoundError:
        return True
    rows = [Row._make(values) for values in index.load(home, _COLUMNS, (home,))]
    home_fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return bool(rows) and all(_is_borne_out(row, home_fd) for row in rows)
    finally:
        os.close(home_fd)


def _is_borne_out(row: Row, home_fd: int) -> bool:
    try:
        spoken_of = os.path.isdir(row.run_dir + ".user")
        if _vouched(home_fd, row.name, spoken_of)[1] != row.vouch:
            return True  # nobody believes this row any more
    except OSError:
        return True
    return read_row(row.home, row.name)._replace(vouch=row.vouch) == row


def _is_storable(row: Row) -> bool:
    if row.status == "unknown" or row.exit is None or row.start >= 1 << 63:
        return False
    try:
        "".join((row.name, row.operation, row.label, row.settings)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_there(row: Row) -> bool:
    # It may have been deleted since the directory was read, or never have been a run.
    return os.path.isdir(row.run_dir + ".meta")
