"""The directories of a project that may hold anything of it.

Whatever a rule says, no walk enters what version control keeps for itself, nor a runs
home: a run that copied runs would hold itself. A runs home is told by being the one in
use, or by the places that gage makes in each; a run that lies elsewhere by its meta dir.
"""

import os
from collections.abc import Callable, Iterator

from gage.dirs import Dirs, Place, walk

_VERSION_CONTROL = frozenset([".git", ".hg", ".svn", ".bzr", ".jj", ".pijul"])
_HOME_PLACES = frozenset([".locks", ".tmp", ".trash"])


def walk_project(
    dirs: Dirs, runs_home: str, on_error: Callable[[str, OSError], None]
) -> Iterator[tuple[Place, set[str]]]:
    """Every directory that may be of the project, as `walk` gives it, and all names in it.

    What no rule may take is in the names alone.
    """
    home = _identity(runs_home)
    for place in walk(dirs, on_error):
        names = {entry.name for entry in place.files}.union(place.folders)
        apart = _VERSION_CONTROL | _runs(place.fd, names)
        if {".locks", ".tmp"} <= names or _identity(place.fd) == home:
            if place.path:
                place.folders.clear()
                continue
            apart |= _HOME_PLACES
        if not apart.isdisjoint(names):
            place.files[:] = [entry for entry in place.files if entry.name not in apart]
            place.folders[:] = [name for name in place.folders if name not in apart]
        yield place, names


def _identity(place: str | int) -> tuple[int, int] | None:
    try:
        status = os.stat(place)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _runs(fd: int, names: set[str]) -> frozenset[str]:
    """The names in a directory that are of runs: run dirs, meta dirs, user dirs."""
    found: set[str] = set()
    for name in names:
        if name.endswith(".meta") and _is_there(f"{name}/__schema__", fd):
            run = name.removesuffix(".meta")
            found.update([run, name, f"{run}.user"])
    return frozenset(found)


def _is_there(path: str, fd: int) -> bool:
    try:
        os.lstat(path, dir_fd=fd)
    except OSError:
        return False
    return True
