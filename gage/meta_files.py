"""What lies in a meta dir, read as it is, by whoever trusts none of it.

No link is followed, nothing is waited for, and no more is read than a fact can have. The
output of a run may be of any size, and is not read here.
"""

import errno
import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from gage.dirs import Dirs, file_type, is_gone, joined, walk
from gage.errors import StateError
from gage.fact_shapes import is_known, parsed_json, shape_trouble
from gage.manifest import Entry, parse_manifest
from gage.opdef import OpDef
from gage.reading import READ
from gage.run import read_whole

MOST_BYTES = 1 << 28
"""No fact is longer; the manifest of a million files is not."""

FOLDERS = re.compile("(attempts/[1-9][0-9]*/)?(proc|output)|sys|log|attempts(/[1-9][0-9]*)?")
"""The directories that gage makes in a meta dir."""

_IN_ATTEMPT = re.compile("attempts/[1-9][0-9]*/")


class MetaFile(NamedTuple):
    """A file of a meta dir; a fact that is damaged, or cannot be read, has a *trouble*.

    *data* is empty where nothing could be read, and of output. *inode* is the same for hard
    links to one file.
    """

    mode: int
    data: bytes = b""
    trouble: str = ""
    is_unreadable: bool = False
    inode: tuple[int, int] = (0, 0)


Facts = Mapping[str, MetaFile]
"""The files of a meta dir, by their path in it."""


class MetaDir(NamedTuple):
    """The files and directories in a meta dir; what gage does not know is not entered."""

    files: dict[str, MetaFile]
    folders: list[str]
    unreadable: list[tuple[str, str]]


def read_meta_dir(meta_dir: str) -> MetaDir:
    """All that is in *meta_dir*. Raises OSError where it cannot be opened, or is a link."""
    found = MetaDir({}, [], [])

    def note(path: str, error: OSError) -> None:
        if not is_gone(error):
            found.unreadable.append((path, f"cannot be read: {error.strerror}"))

    with Dirs(meta_dir) as dirs:
        for place in walk(dirs, note):
            folders = [joined(place.path, name) for name in place.folders]
            found.folders.extend(folders)
            place.folders[:] = [os.path.basename(f) for f in folders if FOLDERS.fullmatch(f)]
            for entry in place.files:
                path = joined(place.path, entry.name)
                with suppress(FileNotFoundError):  # a verb at work has removed it
                    found.files[path] = _read(place.fd, entry.name, path)
    return found


def read_meta_file(meta_dir: str, name: str) -> bytes:
    """The bytes of the fact *name* in *meta_dir*; none where it cannot be read."""
    try:
        with Dirs(meta_dir) as dirs:
            return _bytes(dirs.fd(""), name)
    except OSError:
        return b""


def own_name(path: str) -> str:
    """The name that the fact at *path*, of this or an earlier attempt, has in the run."""
    return _IN_ATTEMPT.sub("", path, count=1)


def is_output(path: str) -> bool:
    """Whether *path*, in a meta dir, is where the output of a phase is, or an index of it."""
    return path.rpartition("/")[0].rpartition("/")[2] == "output"


def sound(facts: Facts, path: str) -> bytes | None:
    """The bytes of a fact that is there and has the right shape, else None."""
    file = facts.get(path)
    return None if file is None or file.trouble else file.data


def text_of(facts: Facts, path: str) -> str:
    """The text of a fact that is there and has the right shape, else nothing."""
    return (sound(facts, path) or b"").decode("utf-8", "surrogateescape").removesuffix("\n")


def json_of(facts: Facts, path: str) -> Any:
    """The value of a fact that is there and has the right shape, else None."""
    return None if sound(facts, path) is None else parsed_json(text_of(facts, path))


def definition_of(facts: Facts) -> OpDef | None:
    """The operation as it was defined, where that is there and has the right shape."""
    data = json_of(facts, "opdef.json")
    return None if data is None else OpDef("", data)


def entries_of(facts: Facts, folder: str = "") -> list[Entry] | None:
    """The manifest, of the attempt in *folder*, where it is there and has the right shape."""
    data = sound(facts, f"{folder}manifest")
    if data is None:
        return None
    try:
        return parse_manifest(data.decode("utf-8", "surrogateescape"))
    except StateError:
        return None


def _read(folder: int, name: str, path: str) -> MetaFile:
    mode = 0
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        mode = status.st_mode
        if not stat.S_ISREG(mode):
            what = "a link" if stat.S_ISLNK(mode) else file_type(mode)
            return MetaFile(mode, trouble=f"is {what}, and no file")
        inode = (status.st_dev, status.st_ino)
        if is_output(path) or not is_known(own_name(path)):
            return MetaFile(mode, inode=inode)
        data = _bytes(folder, name)
        return MetaFile(mode, data, shape_trouble(own_name(path), data), inode=inode)
    except FileNotFoundError:
        raise
    except OSError as error:
        return MetaFile(mode, trouble=f"cannot be read: {error.strerror}", is_unreadable=True)


def _bytes(folder: int, name: str) -> bytes:
    fd = os.open(name, READ, dir_fd=folder)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        os.close(fd)
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return read_whole(fd)
