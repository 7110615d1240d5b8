"""The staged files of a run: what its manifest vouches for, before the command starts."""

import os
import stat

from gage.attempts import attempt_numbers
from gage.digest import algorithm_of, digest_fd, link_digest
from gage.dirs import Dirs
from gage.errors import StateError
from gage.manifest import GENERATED, Entry, read_manifest
from gage.reading import READ, open_beneath
from gage.run import Run, has_fact


def check_staged(run: Run) -> None:
    """Raise StateError where a file that was staged is not what it was then."""
    if not os.path.isdir(run.run_dir):
        raise StateError(f"{run}: the run dir is not there")
    try:
        dirs = Dirs(run.run_dir)
    except OSError as error:
        raise StateError(f"{run}: the run dir cannot be opened: {error.strerror}") from None
    with dirs:
        for entry in read_manifest(run):
            if entry.type != GENERATED and not is_same(dirs, entry):
                raise StateError(
                    f"{os.path.join(run.run_dir, entry.path)}: not as it was staged",
                    f"gage-manifest --check {run}",
                )


def was_never_staged(run: Run) -> bool:
    """Whether not all that *run* needs ever entered it: then it is pending for the first time."""
    return not has_fact(run, "manifest") and not attempt_numbers(run)


def is_stripped(run: Run) -> bool:
    """Whether staging *run* anew was stopped: what went in is gone, or not all there yet.

    The manifest goes before the files do, and comes when all others are there. Of a run that
    is further than that it was lost, and nothing can stand for it.
    """
    further = any(has_fact(run, name) for name in ("manifest", "staged", "started", "proc/exit"))
    return not further and bool(attempt_numbers(run))


def check_before_reopening(run: Run) -> None:
    """As check_staged, where there is something to be found.

    A reopening that was stopped left files that its manifest does not tell of yet.
    """
    if has_fact(run, "staged") or has_fact(run, "proc", "exit") or has_fact(run, "started"):
        check_staged(run)


def is_same(dirs: Dirs, entry: Entry) -> bool:
    """Whether the file of *entry* is there, with that digest, in the run dir of *dirs*."""
    algorithm = algorithm_of(entry.digest)
    try:
        if algorithm == "link":
            folder, _, name = entry.path.rpartition("/")
            return link_digest(os.readlink(name, dir_fd=dirs.fd(folder))) == entry.digest
        fd = open_beneath(dirs, entry.path, READ)
        try:
            return stat.S_ISREG(os.fstat(fd).st_mode) and digest_fd(fd, algorithm) == entry.digest
        finally:
            os.close(fd)
    except OSError:
        return False
