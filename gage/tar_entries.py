"""The entries of a tar file, read as a stream and believed in nothing.

POSIX pax and GNU headers are understood. The module tarfile decodes each header block and
does no more: it would read a name of any length into memory, and its hard links, sparse
files and devices are nothing that a run holds.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

from gage.digest import CHUNK
from gage.errors import ConfigError

BLOCK = tarfile.BLOCKSIZE

Kind = Literal["file", "directory", "link"]

_KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
}
_CUT = "cut short: the end of the archive is missing"
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}

_LONGEST_HEADER = 256 * 1024
_LONGEST_PADDING = 16 * 1024 * 1024
_RECORD = re.compile(rb"(\d{1,6}) ([^=\n]+)=")
_SIZE = re.compile(r"\d{1,18}")
_TIME = re.compile(r"(-?)(\d{1,12})(?:\.(\d+))?")


class Source(Protocol):
    """Where the bytes come from."""

    def read(self, size: int) -> bytes:
        """Some of the next *size* bytes, none at the end."""


class Entry(NamedTuple):
    """An entry as its header tells: *mtime* in nanoseconds, *target* is what a link holds."""

    name: str
    kind: Kind
    mode: int
    mtime: int
    size: int
    target: str


def read_entries(source: Source) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Each entry with what it holds, which must be taken before the next.

    Raises ConfigError for what is no tar file, or none of files, directories and links.
    """
    extended: dict[str, str] = {}
    first = True
    while True:
        block = _taken(source, BLOCK)
        if len(block) < BLOCK:
            raise ConfigError("no tar archive" if first else _CUT)
        if not any(block):
            return _expect_nothing(source)
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError):
            raise ConfigError("no tar archive" if first else "damaged: a header") from None
        first = False
        if header.type == tarfile.XHDTYPE:
            extended |= _pax_records(_header_data(source, header.size))
        elif header.type in _LONG:
            data = _header_data(source, header.size).split(b"\0")[0]
            extended[_LONG[header.type]] = data.decode("utf-8", "surrogateescape")
        else:
            entry = _entry_of(header, extended)
            extended = {}
            chunks = _chunks(source, entry)
            yield entry, chunks
            for _ in chunks:
                pass


def _entry_of(header: tarfile.TarInfo, extended: dict[str, str]) -> Entry:
    name = extended.get("path", header.name)
    if header.isdir():
        name = name.removesuffix("/")
    kind = _KINDS.get(header.type)
    if kind is None or any(key.startswith("GNU.sparse.") for key in extended):
        raise ConfigError(f"{name}: neither a file, a directory nor a link")
    size = header.size
    if "size" in extended:
        size = int(extended["size"]) if _SIZE.fullmatch(extended["size"]) else -1
    if size < 0 or (size and kind != "file"):
        raise ConfigError(f"{name}: its size makes no sense")
    mtime = _nanoseconds(extended.get("mtime", str(header.mtime)))
    if mtime is None:
        raise ConfigError(f"{name}: its time makes no sense")
    target = extended.get("linkpath", header.linkname) if kind == "link" else ""
    return Entry(name, kind, header.mode & 0o7777, mtime, size, target)


def _chunks(source: Source, entry: Entry) -> Iterator[bytes]:
    left = entry.size
    while left:
        try:
            data = source.read(min(left, CHUNK))
        except ConfigError as error:
            raise ConfigError(f"{entry.name}: {error.message}", error.hint) from None
        if not data:
            raise ConfigError(f"{entry.name}: the archive ends in it")
        left -= len(data)
        yield data
    _exactly(source, -entry.size % BLOCK)


def _header_data(source: Source, size: int) -> bytes:
    if not 0 <= size <= _LONGEST_HEADER:
        raise ConfigError("damaged: a header that is too long")
    data = _exactly(source, size)
    _exactly(source, -size % BLOCK)
    return data


def _exactly(source: Source, size: int) -> bytes:
    data = _taken(source, size)
    if len(data) < size:
        raise ConfigError(_CUT)
    return data


def _taken(source: Source, size: int) -> bytes:
    """The next *size* bytes, fewer only at the end."""
    data = b""
    while len(data) < size and (more := source.read(min(size - len(data), CHUNK))):
        data += more
    return data


def _expect_nothing(source: Source) -> None:
    """Read to the end, since a compressed file is only then known to be whole."""
    count = 0
    while data := source.read(CHUNK):
        count += len(data)
        if data.count(0) < len(data) or count > _LONGEST_PADDING:
            raise ConfigError("damaged: something follows its end")


def _pax_records(data: bytes) -> dict[str, str]:
    records = {}
    start = 0
    while start < len(data):
        found = _RECORD.match(data, start)
        end = start + int(found[1]) if found else 0
        if not found or not found.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ConfigError("damaged: a header")
        value = data[found.end() : end - 1]
        records[found[2].decode("utf-8", "surrogateescape")] = value.decode(
            "utf-8", "surrogateescape"
        )
        start = end
    return records


def _nanoseconds(text: str) -> int | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    nanoseconds = int(found[2]) * 10**9 + int((found[3] or "")[:9].ljust(9, "0"))
    return -nanoseconds if found[1] else nanoseconds
