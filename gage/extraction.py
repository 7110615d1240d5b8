"""Extraction: an archive that may come from anybody, unpacked where it can do no harm.

Each entry is judged before it is written: a file, a directory or a link that stays in its
run, under the name of a run, once. All is written by descriptor beneath one directory that
nobody else has, and no link is followed, though the archive itself had put it there.
"""

import errno
import os
from collections.abc import Iterator
from typing import IO

from gage.archive import PARTS, inner_link
from gage.dirs import Dirs
from gage.durable import write_all
from gage.errors import ConfigError, UsageError
from gage.fact_sizes import Sizes
from gage.manifest import is_run_path
from gage.run import checked_name
from gage.tar_entries import Entry, read_entries

MAX_ENTRIES = 1_000_000
MAX_DEPTH = 4_000
MAX_NAME = 65_536
"""Bytes of the name of an entry."""


def extract(stream: IO[bytes], to: str, *, max_entries: int = MAX_ENTRIES) -> list[str]:
    """Unpack the tar *stream* into the empty directory *to*; the names of its runs.

    Raises ConfigError that names the entry for whatever no archive of runs has, and OSError.
    """
    names: dict[str, None] = {}
    sizes: dict[str, Sizes] = {}
    with Dirs(to, make=True) as dirs:
        for count, (entry, data) in enumerate(read_entries(stream), 1):
            if count > max_entries:
                raise ConfigError(f"has more than {max_entries:,} entries")
            name, part = _judged(entry)
            if part and entry.kind == "file":
                inside = entry.name.partition("/")[2]
                if trouble := sizes.setdefault(name, Sizes()).trouble(part, inside, entry.size):
                    raise _wrong(entry, trouble)
            _extract(entry, part, data, dirs)
            names[name] = None
    if not names:
        raise ConfigError("no run is in it")
    return list(names)


def _extract(entry: Entry, part: str, data: Iterator[bytes], dirs: Dirs) -> None:
    folder, _, last = entry.name.rpartition("/")
    try:
        if entry.kind == "directory":
            dirs.fd(entry.name)
            return
        at = dirs.fd(folder)
        if entry.kind == "link":
            inner = entry.name.partition("/")[2]
            if part or not inner_link(inner, entry.target):
                raise _wrong(entry, f"a link that leads outside: {entry.target}")
            os.symlink(entry.target, last, dir_fd=at)
            os.utime(last, ns=(entry.mtime, entry.mtime), dir_fd=at, follow_symlinks=False)
        else:
            _write(entry, data, last, at)
    except FileExistsError:
        raise _wrong(entry, "is in the archive twice") from None
    except (NotADirectoryError, IsADirectoryError):
        raise _wrong(entry, "a file or a link stands where a directory should") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _wrong(entry, "a link stands where a directory should") from None
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            raise _wrong(entry, f"cannot be here: {error.strerror}") from None
        raise


def _judged(entry: Entry) -> tuple[str, str]:
    """The name and the part of the run that *entry* belongs to."""
    path = entry.name
    if len(os.fsencode(path)) > MAX_NAME or path.count("/") > MAX_DEPTH:
        raise _wrong(entry, "the name is too long")
    if not is_run_path(path):
        raise _wrong(entry, "no path within an archive")
    top, inside, _ = path.partition("/")
    name, part = top, ""
    for end in PARTS[1:]:
        if top.endswith(end):
            name, part = top.removesuffix(end), end
    try:
        checked_name(name)
    except UsageError:
        raise _wrong(entry, "belongs to no run") from None
    if not inside and entry.kind != "directory":
        raise _wrong(entry, "a file where the directory of a run should be")
    if "\0" in entry.target:
        raise _wrong(entry, "a link that holds NUL")
    return name, part


def _write(entry: Entry, data: Iterator[bytes], last: str, at: int) -> None:
    fd = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
    try:
        for chunk in data:
            write_all(fd, chunk)
        # No set-id bits, and nobody else may write.
        os.fchmod(fd, entry.mode & 0o755 | 0o400)
        os.utime(fd, ns=(entry.mtime, entry.mtime))
    finally:
        os.close(fd)


def _wrong(entry: Entry, message: str) -> ConfigError:
    return ConfigError(f"{entry.name}: {message}")
