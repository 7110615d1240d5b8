"""The modes of a run that was unpacked: those that gage gives, whatever an archive said."""

import os
import stat
from collections.abc import Callable

from gage.dirs import Dirs, joined, walk
from gage.fact_claims import may_grow
from gage.life import Life, life_of
from gage.manifest import GENERATED
from gage.meta_files import entries_of, read_meta_dir
from gage.run import Run

_READ, _WRITE = 0o444, 0o222


def set_modes(run: Run) -> None:
    """Let be read-only what gage makes read-only of *run*, and the rest writable by its owner.

    What was executable stays so. Raises OSError.
    """
    meta = read_meta_dir(run.meta_dir)
    life = life_of(meta.files, {*meta.folders})
    # The directory has the mask of whoever imports: what is written may be as open as that.
    growing = os.stat(run.meta_dir).st_mode & 0o664 | 0o600
    _set(run.meta_dir, lambda path, mode: growing if may_grow(path, life) else mode & _READ)
    entries = entries_of(meta.files) or []
    staged = {entry.path for entry in entries if entry.type != GENERATED}
    _set(run.run_dir, lambda path, mode: _of_file(mode, life, path in staged))
    _set(run.user_dir, lambda path, mode: mode & _READ)


def _of_file(mode: int, life: Life, is_staged: bool) -> int:
    if life.phase == "finished" or (life.phase == "staged" and is_staged):
        return mode & ~_WRITE
    return mode | 0o200


def _set(top: str, mode_of: Callable[[str, int], int]) -> None:
    if not os.path.isdir(top):
        return
    with Dirs(top) as dirs:
        for place in walk(dirs):
            for entry in place.files:
                if entry.is_file(follow_symlinks=False):
                    path = joined(place.path, entry.name)
                    mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
                    os.chmod(entry.name, mode_of(path, mode), dir_fd=place.fd)
