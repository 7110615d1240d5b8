"""Extraction: an archive that may come from anybody, unpacked where it can do no harm.

Each entry is judged before it is written: a file, a directory or a link that stays in its
run, under the name of a run, once. All is written by descriptor beneath one directory that
nobody else has, and no link is followed, though the archive itself had put it there.
"""

import errno
import os
import tarfile
from contextlib import suppress
from typing import IO

from gage.archive import PARTS, inner_link
from gage.dirs import Dirs
from gage.errors import ConfigError, UsageError
from gage.manifest import is_run_path
from gage.run import checked_name

MAX_ENTRIES = 1_000_000
MAX_DEPTH = 4_000
MAX_NAME = 65_536
"""Bytes of the name of an entry."""

_CHUNK = 1 << 18
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


def extract(stream: IO[bytes], to: str, *, max_entries: int = MAX_ENTRIES) -> list[str]:
    """Unpack the tar *stream* into the empty directory *to*; the names of its runs.

    Raises ConfigError that names the entry for whatever no archive of runs has, and OSError.
    """
    names: dict[str, None] = {}
    count = 0
    try:
        with (
            tarfile.open(
                fileobj=stream,
                mode="r|",
                errors="surrogateescape",
                encoding="utf-8",
            ) as tar,
            Dirs(to, make=True) as dirs,
        ):
            for info in tar:
                tar.members.clear()  # type: ignore[attr-defined]  # a million are not kept
                count += 1
                if count > max_entries:
                    raise ConfigError(f"has more than {max_entries:,} entries")
                names[_extract(tar, info, dirs)] = None
    except tarfile.TarError as error:
        raise ConfigError(f"no tar archive, or cut short: {error}") from None
    except (ValueError, OverflowError, UnicodeError) as error:
        raise ConfigError(f"damaged: {error}") from None
    if not names:
        raise ConfigError("no run is in it")
    return list(names)


def _extract(tar: tarfile.TarFile, info: tarfile.TarInfo, dirs: Dirs) -> str:
    """Write one entry; the name of the run that it belongs to."""
    path = info.name.rstrip("/") if info.isdir() else info.name
    name, part = _judged(info, path)
    try:
        if info.isdir():
            dirs.fd(path)
            return name
        folder, _, last = path.rpartition("/")
        at = dirs.fd(folder)
        if info.issym():
            inner = path.partition("/")[2]
            if part or not inner_link(inner, info.linkname):
                raise _wrong(info, f"a link that leads outside: {info.linkname}")
            os.symlink(info.linkname, last, dir_fd=at)
        else:
            _write(tar, info, last, at)
    except FileExistsError:
        raise _wrong(info, "is in the archive twice") from None
    except (NotADirectoryError, IsADirectoryError):
        raise _wrong(info, "a file or a link stands where a directory should") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _wrong(info, "a link stands where a directory should") from None
        raise
    return name


def _judged(info: tarfile.TarInfo, path: str) -> tuple[str, str]:
    if len(os.fsencode(path)) > MAX_NAME or path.count("/") > MAX_DEPTH:
        raise _wrong(info, "the name is too long")
    if not is_run_path(path):
        raise _wrong(info, "no path within an archive")
    top, inside, _ = path.partition("/")
    name, part = top, ""
    for end in PARTS[1:]:
        if top.endswith(end):
            name, part = top.removesuffix(end), end
    try:
        checked_name(name)
    except UsageError:
        raise _wrong(info, "belongs to no run") from None
    if info.issparse() or not (info.isdir() or info.issym() or info.type in _FILES):
        raise _wrong(info, "neither a file, a directory nor a link")
    if not inside and not info.isdir():
        raise _wrong(info, "a file where the directory of a run should be")
    return name, part


def _write(tar: tarfile.TarFile, info: tarfile.TarInfo, last: str, at: int) -> None:
    fd = os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
    with open(fd, "wb") as file:
        content = tar.extractfile(info)
        left = info.size
        while content and left > 0:
            data = content.read(min(left, _CHUNK))
            if not data:
                raise _wrong(info, "the archive ends in it")
            file.write(data)
            left -= len(data)
        file.flush()
        # No set-id bits, and nobody else may write.
        os.fchmod(fd, info.mode & 0o755 | 0o400)
        with suppress(OverflowError):
            os.utime(fd, (info.mtime, info.mtime))


def _wrong(info: tarfile.TarInfo, message: str) -> ConfigError:
    return ConfigError(f"{info.name}: {message}")
