"""The files of a run dir, as a walk finds them: regular files and links, and nothing else.

What is no file of the run (a FIFO, a socket, a device, another file system, what cannot be
read) is told and left alone. The links to the runs of steps are no files either: they lie
at the top of a pipeline's run dir and lead to the run dirs beside it.
"""

import os
import stat
from typing import Literal, NamedTuple

from gage.dirs import Dirs, file_type, is_gone, is_passing, joined, walk
from gage.run import RUN_ID


class RunFile(NamedTuple):
    """A file of a run: *mtime* in µs, *size* in bytes, and of a link what it holds."""

    path: str
    kind: Literal["file", "link"]
    mtime: int
    size: int
    mode: int
    target: str = ""


class Skipped(NamedTuple):
    """Something in a run dir that is not sealed, or not wholly, and why."""

    path: str
    reason: str


class Contents(NamedTuple):
    """What is in a run dir; *linked* are the files all of whose many hard links are in it."""

    files: list[RunFile]
    folders: list[str]
    linked: set[str]
    skipped: list[Skipped]


def walk_run_dir(run_dir: str) -> list[RunFile]:
    """The files and links of a run dir, in the order of a walk; nothing is changed."""
    with Dirs(run_dir) as dirs:
        return contents_of(dirs).files


def contents_of(dirs: Dirs) -> Contents:
    """All that is in the run dir at the root of *dirs*.

    Raises OSError where the machine, and not what is there, keeps it from being read: what
    is left out of a manifest is left out for good.
    """
    contents = Contents([], [], set(), [])
    shared: dict[tuple[int, int], list[str]] = {}
    links: dict[tuple[int, int], int] = {}

    def note(path: str, error: OSError) -> None:
        if is_passing(error):
            error.filename = os.path.join(dirs.root, path)
            raise error
        if not is_gone(error):
            contents.skipped.append(Skipped(path or ".", f"cannot be read: {error.strerror}"))

    device = os.fstat(dirs.fd("")).st_dev
    for place in walk(dirs, note):
        if os.fstat(place.fd).st_dev != device:
            contents.skipped.append(Skipped(place.path, "another file system"))
            place.folders.clear()
            continue
        contents.folders.append(place.path)
        for entry in place.files:
            path = joined(place.path, entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
                mode, mtime = status.st_mode, status.st_mtime_ns // 1000
                if stat.S_ISLNK(mode):
                    target = os.readlink(entry.name, dir_fd=place.fd)
                    if place.path or not is_step_link(dirs.root, target):
                        found = RunFile(path, "link", mtime, status.st_size, mode, target)
                        contents.files.append(found)
                    continue
            except OSError as error:
                note(path, error)
                continue
            if not stat.S_ISREG(mode):
                contents.skipped.append(Skipped(path, "no file: " + file_type(mode)))
            elif status.st_dev != device:
                contents.skipped.append(Skipped(path, "another file system"))
            else:
                contents.files.append(RunFile(path, "file", mtime, status.st_size, mode))
                if status.st_nlink > 1:
                    inode = status.st_dev, status.st_ino
                    shared.setdefault(inode, []).append(path)
                    links[inode] = status.st_nlink
    for inode, paths in shared.items():
        if len(paths) == links[inode]:
            contents.linked.update(paths)
    return contents


def is_step_link(run_dir: str, target: str) -> bool:
    """Whether a link at the top of *run_dir* that holds *target* leads to the run of a step.

    Such a link is ``../NAME``, and NAME is a run, or was one or shall be: it is a run ID.
    """
    up, _, name = target.partition("/")
    if up != ".." or "/" in name or name in ("", ".", ".."):
        return False
    meta_dir = os.path.join(os.path.dirname(run_dir), name + ".meta")
    return RUN_ID.fullmatch(name) is not None or os.path.isdir(meta_dir)
