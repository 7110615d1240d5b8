"""A run: a directory of files with a directory of facts beside it.

``RUNS/NAME`` is the run dir, ``RUNS/NAME.meta`` the meta dir and ``RUNS/NAME.user`` holds
what people say about the run. Beside the runs, RUNS holds gage's own places: ``.tmp`` for
everything that is not yet whole, ``.locks/NAME`` for locks and the note of a command's
end, ``.trash`` for deleted runs. All of them can be made anew; the facts cannot.
"""

import errno
import os
import re
import stat
from typing import NamedTuple

from gage.dirs import is_passing
from gage.durable import Sync, sync_dir, unlink
from gage.errors import ConfigError, NotFoundError, StateError, UsageError
from gage.opref import OpRef, parse_opref
from gage.trust import find_stranger, group_name, is_private_group

SCHEMA = "1"
STAMPS = ("initialized", "staged", "started", "stopped")
"""The facts that are times, in microseconds since the epoch, in this order."""
RUN_ID = re.compile("[0-9a-f]{32}")

SHORT_ID = 8
"""So many digits of an ID are what people read and type."""

TRASH = ".trash"
"""The directory of a runs home in which each deleted run has a home of its own."""

_FACT_SIZE = 1 << 14
_PIECE = 1 << 20


class Run(NamedTuple):
    """Where a run is, and what it is called.

    ``id`` is empty and ``opref`` None where the facts of that name are missing or damaged.
    """

    run_dir: str
    id: str
    opref: OpRef | None
    sync: Sync = "commit"

    @property
    def home(self) -> str:
        """The runs home: the directory that the run is in."""
        return os.path.dirname(self.run_dir) or "."

    @property
    def name(self) -> str:
        """The base name of the run dir; porcelain's runs are named by their ID."""
        return os.path.basename(self.run_dir)

    @property
    def meta_dir(self) -> str:
        """The directory of facts."""
        return self.run_dir + ".meta"

    @property
    def user_dir(self) -> str:
        """The directory of what people say: label, tags, comments."""
        return self.run_dir + ".user"

    def __str__(self) -> str:
        return self.run_dir


def make_run(
    opref: OpRef, runs_home: str, *, name: str = "", id: str = "", sync: Sync = "commit"
) -> Run:
    """A new run of *opref* in *runs_home*, still without a directory of its own.

    It is named after its ID unless *name* says otherwise. The runs home is made where it
    is missing. Raises UsageError for a name that a run cannot have.
    """
    id = id or new_run_id()
    name = checked_name(name or id)
    make_home(runs_home)
    return Run(os.path.join(runs_home, name), id, opref, sync)


def short_name(run: Run) -> str:
    """What a person types for *run*, wherever it is: the start of its ID, or its run dir."""
    return run.id[:SHORT_ID] if run.id and run.name == run.id else str(run)


def open_run(run_dir: str, *, sync: Sync = "commit") -> Run:
    """The run at *run_dir*, whatever its state.

    Raises NotFoundError where there is none, StateError where a newer gage made it, or its
    meta dir is a link.
    """
    path = run_dir.rstrip("/") or "/"
    head, name = os.path.split(path)
    if name in ("", ".", ".."):
        head, name = os.path.split(os.path.realpath(path))
    run = Run(os.path.join(head, name), "", None, sync)
    if not os.path.isdir(run.meta_dir):
        raise NotFoundError(f"{run_dir}: no run here ({os.path.basename(run.meta_dir)} is missing)")
    expect_no_link(run.meta_dir)
    expect_known_schema(run, run_dir)
    id = _read_if_possible(run, "id") or ""
    try:
        opref = parse_opref(_read_if_possible(run, "opref") or "")
    except ConfigError:
        opref = None
    return run._replace(id=id if RUN_ID.fullmatch(id) else "", opref=opref)


def expect_known_schema(run: Run, shown: str = "") -> None:
    """Raise StateError where a newer gage made *run*, which may be *shown* as it was named."""
    schema = _read_if_possible(run, "__schema__")
    if schema and len(schema) < 10 and schema.isdecimal() and schema != SCHEMA:
        raise StateError(
            f"{shown or run}: made by another gage (schema {schema}; this one knows {SCHEMA})",
            "upgrade gage",
        )


def run_meta_path(run: Run, *parts: str) -> str:
    """The path of a fact: ``run_meta_path(run, "proc", "exit")``."""
    return "/".join((run.run_dir + ".meta", *parts))


def lock_path(run: Run, name: str) -> str:
    """The path of a lock, or of a note that lives with the locks."""
    return os.path.join(_lock_dirs(run)[1], name)


def is_in_trash(run: Run) -> bool:
    """Whether *run* is deleted, and lies where it can be restored from."""
    return os.path.basename(os.path.dirname(run.home)) == TRASH


def remove_beside_locks(run: Run, name: str, sync: Sync = "none") -> None:
    """Remove what is called *name* beside the locks of *run*, if it is there.

    What the command may have put behind a link there is none of ours, and stays.
    """
    if are_locks_ours(run):
        unlink(lock_path(run, name), sync)


def are_locks_ours(run: Run) -> bool:
    """Whether no link leads to the locks of *run*."""
    return not any(map(os.path.islink, _lock_dirs(run)))


def tmp_dir(run: Run) -> str:
    """The directory for what is not yet whole, made where it is missing."""
    path = os.path.join(run.home, ".tmp")
    make_closed(path)
    return path


def make_lock_dir(run: Run) -> None:
    """Make the directory of the locks of *run*, closed to others, where it is missing."""
    for directory in _lock_dirs(run):
        make_closed(directory)


def expect_own_locks(run: Run) -> None:
    """Raise StateError where a link leads to the locks of *run*."""
    for directory in _lock_dirs(run):
        expect_no_link(directory)


def new_run_id() -> str:
    """A random UUID, version 4 of RFC 9562, as 32 lower-case hex digits.

    Made here because importing uuid doubles the start of a small command.
    """
    bits = bytearray(os.urandom(16))
    bits[6] = bits[6] & 0x0F | 0x40
    bits[8] = bits[8] & 0x3F | 0x80
    return bits.hex()


def make_home(runs_home: str) -> None:
    """Make the directory *runs_home*, closed to others, where it is missing.

    Raises StateError where others may replace what is in it.
    """
    try:
        os.makedirs(os.path.dirname(os.path.abspath(runs_home)), mode=0o775, exist_ok=True)
        os.mkdir(runs_home, 0o700)
    except (FileExistsError, NotADirectoryError):
        if not os.path.isdir(runs_home):
            raise NotFoundError(f"{runs_home}: not a directory") from None
        expect_no_others(runs_home)


def sync_home(runs_home: str, sync: Sync) -> None:
    """Make the name of *runs_home* durable before it is first used, with those that lead to it.

    Else a run in a new home, however well it is kept, would be nowhere after a power cut. Once
    there are locks this is done.
    """
    directory = os.path.abspath(runs_home)
    if os.path.isdir(os.path.join(directory, ".locks")):
        return
    device = os.stat(directory).st_dev
    while directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
        try:
            if os.stat(directory).st_dev != device:
                return
            sync_dir(directory, sync)
        except PermissionError:
            return  # what we may not read we did not make


def expect_no_others(runs_home: str) -> None:
    """Raise StateError where others may replace what is in *runs_home*."""
    status = os.stat(runs_home)
    if status.st_mode & stat.S_ISVTX:
        # Only its owner, beside root, may rename there what is ours.
        if whose := find_stranger((runs_home,), runs_home, os.environ):
            raise StateError(
                f"{runs_home}: no place for runs: it belongs to {whose}",
                "keep them elsewhere, or gage --trust does so once",
            )
        return
    who, mend = "", "o-w"
    if status.st_mode & stat.S_IWOTH:
        who = "anybody"
    elif status.st_mode & stat.S_IWGRP and not is_private_group(status.st_gid):
        who, mend = f"the group {group_name(status.st_gid)}", "g-w"
    if who:
        raise StateError(
            f"{runs_home}: no place for runs: {who} may write there", f"chmod {mend} {runs_home}"
        )


def checked_name(name: str) -> str:
    """*name*, if a run dir may be called so. Raises UsageError."""
    trouble = ""
    if not name or name.startswith(".") or "/" in name:
        trouble = "the name of a run cannot be empty, begin with `.` or hold `/`"
    elif name.endswith((".meta", ".user")):
        trouble = "the names that end in .meta and .user are taken for facts"
    elif "\0" in name or len(os.fsencode(name)) > 250:
        trouble = "the name of a run has at most 250 bytes, none of them NUL"
    if trouble:
        raise UsageError(f"{name!r}: {trouble}")
    return name


def read_fact(run: Run, *parts: str) -> str | None:
    """The text of a fact without its last newline; None where the fact is not there.

    Bytes that are no UTF-8 come back as surrogates. Raises OSError where it cannot be read.
    """
    data = read_fact_bytes(run, *parts)
    return None if data is None else data.decode("utf-8", "surrogateescape").removesuffix("\n")


def read_fact_bytes(run: Run, *parts: str) -> bytes | None:
    """All bytes of a fact; None where the fact is not there. Raises OSError."""
    try:
        # Damage may be anything: a FIFO must not make a listing wait, nor a link to a device.
        fd = os.open(run_meta_path(run, *parts), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise
    return read_whole(fd)


def read_whole(fd: int) -> bytes:
    """All that the small file at *fd* holds; closes it. Raises OSError."""
    # A buffered file object costs more than reading the fact, and a listing reads thousands.
    try:
        data = os.read(fd, _FACT_SIZE)
        if len(data) < _FACT_SIZE:
            return data
        # To append to bytes is to copy them: of a large file that would take minutes.
        pieces = [data]
        while data := os.read(fd, _PIECE):
            pieces.append(data)
        return b"".join(pieces)
    finally:
        os.close(fd)


def has_fact(run: Run, *parts: str) -> bool:
    """Whether a fact is there."""
    return os.path.lexists(run_meta_path(run, *parts))


def run_names(runs_home: str) -> list[str]:
    """The names of the runs in *runs_home*, in no order; empty where there is no such home."""
    try:
        with os.scandir(runs_home) as entries:
            return [
                entry.name[: -len(".meta")]
                for entry in entries
                if entry.name.endswith(".meta") and not entry.name.startswith(".")
            ]
    except FileNotFoundError:
        return []


def _lock_dirs(run: Run) -> tuple[str, str]:
    home = run.home
    if is_in_trash(run):
        # The locks, and the note of an end, stay where the run was, unless another is there now.
        origin = os.path.dirname(os.path.dirname(home)) or "."
        if not os.path.lexists(os.path.join(origin, run.name + ".meta")):
            home = origin
    return os.path.join(home, ".locks"), os.path.join(home, ".locks", run.name)


def _read_if_possible(run: Run, name: str) -> str | None:
    try:
        return read_fact(run, name)
    except OSError as error:
        if is_passing(error):
            raise  # what acts on a run without its ID would take its steps for another's
        return None


def make_closed(path: str) -> None:
    """Make a directory of gage's own, closed to others.

    Raises StateError where a link is there, or a directory in which others may write.
    """
    try:
        os.mkdir(path, 0o700)
    except OSError:
        expect_no_link(path)
        # One that is there does, though there be no room to make another.
        if not os.path.isdir(path):
            raise
        _expect_closed(path)


def _expect_closed(path: str) -> None:
    status = os.stat(path)
    by_group = status.st_mode & stat.S_IWGRP and not is_private_group(status.st_gid)
    if status.st_mode & stat.S_IWOTH or by_group:
        raise StateError(f"{path}: others may write there", f"chmod go-w {path}")
    if whose := find_stranger((path,), path, os.environ):
        raise StateError(
            f"{path}: belongs to {whose}, who could change what gage keeps there",
            "keep runs elsewhere, or gage --trust believes it once",
        )


def expect_no_link(path: str) -> None:
    """Raise StateError where *path* is a link: what gage keeps is never kept elsewhere.

    The command of a run, or whoever may write to a runs home, could have put it there.
    """
    if os.path.islink(path):
        raise StateError(f"{path}: a link, where a directory should be", f"rm {path}")
