"""Sealing: the files of a run are digested, made read-only and made durable.

Everything is done to one descriptor of each. A file that has hard links outside the run
keeps its mode, since it may be somebody else's file too.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

from gage.digest import algorithm_for, link_digest
from gage.dirs import Dirs, is_gone, is_passing, walk
from gage.durable import FEW_FILES, Sync, sync_file_system
from gage.progress import Progress, ignore
from gage.reading import READ, Outcome, chmod_path_fd, digest_at_rest, open_beneath, over_files
from gage.run_files import Contents, RunFile, Skipped, contents_of

UNSEALED = 0o7222
"""What a sealed file may not have: it cannot be written, and runs as nobody else."""

_NO_OTHERS: Mapping[str, str] = {}


class Sealed(NamedTuple):
    """A file of a run: its path, its digest, when it was modified, in µs, and what it is."""

    path: str
    digest: str
    mtime: int
    kind: Literal["file", "link"]


class Seal(NamedTuple):
    """The files of a run dir, in the order of a walk, and what was skipped."""

    files: list[Sealed]
    skipped: list[Skipped]


def seal_run_dir(
    run_dir: str,
    known: Mapping[str, str],
    algorithm: str,
    *,
    algorithms: Mapping[str, str] = _NO_OTHERS,
    sync: Sync = "commit",
    progress: Progress = ignore,
) -> Seal:
    """Digest the files of the run dir, and make them read-only and durable.

    A digest in *known*, by path, is believed: it is of a copy that this process made, and to
    which nobody could write since. *algorithms* are those of single paths, *algorithm*, or
    where one is mostly holes its sparse kind, that of all others. What the owner may not read
    is made readable to him. A run dir that is gone has no files. Raises OSError where something
    cannot be made durable.
    """
    try:
        dirs = Dirs(run_dir, mend=True)
    except OSError as error:
        return Seal([], [Skipped(".", _why_no_run_dir(error))])
    with dirs:
        contents = contents_of(dirs)
        few = max(len(contents.files), len(contents.folders)) <= FEW_FILES
        each = sync == "all" or (sync == "commit" and few)

        def seal(fd: int, found: RunFile, tell: Callable[[int], None]) -> Outcome:
            status = os.fstat(fd)
            if found.path in known:
                digest, trouble = known[found.path], ""
            else:
                chosen = algorithms.get(found.path) or algorithm_for(fd, status, algorithm)
                digest, trouble = digest_at_rest(fd, status, chosen, tell)
            trouble = _make_read_only(fd, status, found.path in contents.linked) or trouble
            if each:
                os.fsync(fd)
            return digest, trouble

        files = [found for found in contents.files if found.kind == "file"]
        outcomes = {
            found.path: (known[found.path], "")
            for found in files
            if not each and found.path in known and not found.mode & UNSEALED
        }
        files = [found for found in files if found.path not in outcomes]
        outcomes.update(over_files(dirs, files, seal, progress, mend=True))
        if each:
            for folder in contents.folders:
                os.fsync(dirs.fd(folder))
        elif sync != "none":
            sync_file_system(dirs.fd(""))
        return _seal_of(contents, outcomes)


def digest_run_dir(
    run_dir: str, algorithms: Mapping[str, str], algorithm: str, *, progress: Progress = ignore
) -> Seal:
    """Digest the files of the run dir and change nothing.

    *algorithms* are those of single paths, *algorithm*, or where one is mostly holes its
    sparse kind, that of all others.
    """
    try:
        dirs = Dirs(run_dir)
    except OSError as error:
        return Seal([], [Skipped(".", _why_no_run_dir(error))])

    def digest(fd: int, found: RunFile, tell: Callable[[int], None]) -> Outcome:
        status = os.fstat(fd)
        chosen = algorithms.get(found.path) or algorithm_for(fd, status, algorithm)
        return digest_at_rest(fd, status, chosen, tell)

    with dirs:
        contents = contents_of(dirs)
        files = [found for found in contents.files if found.kind == "file"]
        return _seal_of(contents, over_files(dirs, files, digest, progress))


def seal_facts(meta_dir: str, *, sync: Sync = "commit") -> None:
    """Make all facts and logs of a meta dir read-only and durable. Raises OSError."""
    with Dirs(meta_dir) as dirs:
        for place in walk(dirs):
            for entry in place.files:
                # What cannot be written is a fact, made durable when it was put.
                if not entry.is_file(follow_symlinks=False) or not (
                    entry.stat(follow_symlinks=False).st_mode & UNSEALED
                ):
                    continue
                fd = os.open(entry.name, READ, dir_fd=place.fd)
                try:
                    # Read-only tells whoever repeats this that it is durable, too.
                    if sync != "none":
                        os.fsync(fd)
                    _make_read_only(fd, os.fstat(fd), False)
                finally:
                    os.close(fd)
            if sync != "none":
                os.fsync(place.fd)


def unseal(run_dir: str, paths: Iterable[str]) -> None:
    """Let the owner write to the files *paths* of the run dir again.

    Links, files that are gone, that belong to another or that have hard links elsewhere stay
    as they are. Raises OSError.
    """
    paths = list(paths)
    if not paths:
        return
    with Dirs(run_dir) as dirs:
        linked = contents_of(dirs).linked
        for path in paths:
            try:
                fd = open_beneath(dirs, path, os.O_PATH | os.O_NOFOLLOW)
            except OSError as error:
                if is_gone(error):
                    continue
                raise
            try:
                status = os.fstat(fd)
                if stat.S_ISREG(status.st_mode) and (status.st_nlink == 1 or path in linked):
                    with suppress(PermissionError):
                        chmod_path_fd(fd, status.st_mode | 0o200)
            finally:
                os.close(fd)


def _seal_of(contents: Contents, outcomes: Mapping[str, Outcome]) -> Seal:
    seal = Seal([], list(contents.skipped))
    for found in contents.files:
        if found.kind == "link":
            digest, trouble = link_digest(found.target), ""
        else:
            digest, trouble = outcomes[found.path]
        if digest:
            seal.files.append(Sealed(found.path, digest, found.mtime, found.kind))
        if trouble:
            seal.skipped.append(Skipped(found.path, trouble))
    return seal


def _make_read_only(fd: int, status: os.stat_result, linked: bool) -> str:
    """Take the right to write from a file; why not, where it is not ours alone."""
    if status.st_nlink > 1 and not linked:
        return "it has hard links elsewhere: its mode is left as it is"
    if status.st_mode & UNSEALED:
        try:
            os.fchmod(fd, stat.S_IMODE(status.st_mode) & ~UNSEALED)
        except PermissionError:
            if status.st_uid == os.geteuid():
                return "its file system keeps no modes, and it stays writable"
            return "it belongs to another user: its mode is left as it is"
    return ""


def _why_no_run_dir(error: OSError) -> str:
    if is_passing(error):
        raise error
    return "the run dir is gone" if is_gone(error) else f"cannot be read: {error.strerror}"
