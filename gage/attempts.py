"""Attempts: what a run left each time it was executed before it was reopened.

``attempts/N``, from 1, holds the facts that another attempt writes anew: its output and
index, ``proc/exit``, ``started``, ``stopped``, the values, the manifest, the summary. They
are hard links until reopening removes the originals, so that keeping gigabytes of output
costs nothing, or copies where the file system has no such links. They appear whole: the
directory is filled in ``.tmp`` and renamed.
"""

import errno
import os
from contextlib import suppress
from typing import NamedTuple

from gage.building import building
from gage.durable import Sync, copy_file, sync_dir
from gage.errors import NotFoundError
from gage.output import FINALIZE, RUN
from gage.removing import remove_tree
from gage.run import Run, read_fact, run_meta_path, tmp_dir

ENDED = ("proc/exit", "proc/lock", "started", "stopped", "summary.json")
"""Facts of one attempt alone: the next must not be taken for finished."""

_WENT_IN = (
    "opdef.json",
    "config.json",
    "given.json",
    "manifest",
    "dependencies.json",
    "proc/cmd.json",
    "proc/env.json",
)
_KEPT = (*ENDED, *_WENT_IN)
_NO_LINKS = (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS)
_OUTPUTS = (RUN, FINALIZE)


class Attempt(NamedTuple):
    """One attempt of a run, earlier or present: *folder* is where its facts are in the meta dir.

    ``read_fact(run, *attempt.folder, "config.json")`` reads one.
    """

    number: int
    folder: tuple[str, ...]


def attempt_numbers(run: Run) -> list[int]:
    """The numbers of the earlier attempts of *run*, oldest first."""
    try:
        names = os.listdir(run_meta_path(run, "attempts"))
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def attempts(run: Run) -> list[Attempt]:
    """All attempts of *run*, oldest first; the last is the present one, over or not."""
    numbers = attempt_numbers(run)
    earlier = [Attempt(number, ("attempts", str(number))) for number in numbers]
    return [*earlier, Attempt((numbers or [0])[-1] + 1, ())]


def find_attempt(run: Run, number: int) -> Attempt:
    """The attempt *number* of *run*. Raises NotFoundError for one that never was."""
    there = attempts(run)
    for attempt in there:
        if attempt.number == number:
            return attempt
    known = ", ".join(str(attempt.number) for attempt in there)
    raise NotFoundError(f"{run}: no attempt {number}", f"attempts: {known}")


def keep_attempt(run: Run) -> int:
    """Keep what the attempt that ended left; returns its number. Raises OSError.

    Repeated after an interruption it keeps nothing twice.
    """
    numbers = attempt_numbers(run)
    started = read_fact(run, "started")
    # It goes before proc/exit does: where it is gone, the attempt was kept.
    if numbers and started in (None, read_fact(run, "attempts", str(numbers[-1]), "started")):
        return numbers[-1]
    number = (numbers or [0])[-1] + 1
    new = os.path.join(tmp_dir(run), os.urandom(12).hex())
    outputs = [f"output/{name}{end}" for name in _OUTPUTS for end in ("", ".index")]
    directories = {new}
    from gage.facts import make_folders

    home = run_meta_path(run, "attempts")
    try:
        with building(new, 0o775):
            for name in (*_KEPT, *outputs):
                target = os.path.join(new, name)
                directories.add(os.path.dirname(target))
                os.makedirs(os.path.dirname(target), mode=0o775, exist_ok=True)
                with suppress(FileNotFoundError):
                    _link_or_copy(run_meta_path(run, name), target, run.sync)
            for directory in sorted(directories, reverse=True):
                sync_dir(directory, run.sync)
            make_folders(run, ("attempts", str(number)))
            os.rename(new, os.path.join(home, str(number)))
    except OSError:
        with suppress(OSError):
            remove_tree(new)
        raise
    sync_dir(home, run.sync)
    sync_dir(run.meta_dir, run.sync)
    return number


def _link_or_copy(path: str, target: str, sync: Sync) -> None:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copy_file(path, target, sync)


def forget_ended(run: Run) -> None:
    """Remove from *run* what only the kept attempt is about, ``proc/exit`` last but one.

    While ``proc/exit`` is there the run is finished, and when it goes, nothing else says
    that it was started. Repeated after an interruption it removes the rest; an index never
    outlives what it tells of.
    """
    from gage.facts import remove_fact

    for name in ("staged", "stopped", "started", "proc/lock"):
        remove_fact(run, name)
    remove_fact(run, "proc", "exit")
    remove_fact(run, "summary.json")
    for name in _OUTPUTS:
        for end in (".index", ""):
            remove_fact(run, "output", name + end)
