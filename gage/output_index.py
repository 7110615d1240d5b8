"""The index of an output: when each piece of it was read, and from which stream.

``output/NAME.index`` is text, with a line for each piece of ``output/NAME``, in order::

    MICROSECONDS STREAM LENGTH

MICROSECONDS since the epoch; STREAM ``o`` for standard output, ``e`` for standard error, or
``x`` for LENGTH bytes that came here, could not be written, and are missing. Numbers have at
most 18 digits. A last line without its newline is no record.

An index may be large, and damage may be anything: it is read a piece at a time, up to the
first line that is no record.
"""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from gage.durable import putting, write_all
from gage.run import Run, run_meta_path, tmp_dir

_CHUNK = 1 << 18
_DIGITS = 18
_LONGEST = 2 * _DIGITS + len(" o ")


class Record(NamedTuple):
    """A line of the index: *length* bytes of *stream*, read at *time* (µs since the epoch)."""

    time: int
    stream: str
    length: int


def format_record(record: Record) -> bytes:
    """The line of *record*, with its newline."""
    return b"%d %b %d\n" % (record.time, record.stream.encode(), record.length)


def parse_record(line: bytes) -> Record | None:
    """The inverse of format_record; None for half a line, or anything else."""
    parts = line.removesuffix(b"\n").split(b" ")
    if len(parts) != 3 or not line.endswith(b"\n") or parts[1] not in (b"o", b"e", b"x"):
        return None
    if not all(number.isdigit() and len(number) <= _DIGITS for number in parts[::2]):
        return None
    return Record(int(parts[0]), parts[1].decode(), int(parts[2]))


class IndexReader:
    """Reads the index at the descriptor *fd*, to which somebody may be writing.

    ``count`` is how many records were read; ``half``, what follows them without a newline yet;
    ``is_damaged``, whether what follows them is no record, and nothing more will be read.
    """

    def __init__(self, fd: int) -> None:
        self.count = 0
        self.half = b""
        self.is_damaged = False
        self._fd = fd

    def records(self) -> Iterator[Record]:
        """The records from the last one that was read to the last that there is now."""
        while not self.is_damaged and (data := os.read(self._fd, _CHUNK)):
            *lines, self.half = (self.half + data).split(b"\n")
            for line in lines:
                record = parse_record(line + b"\n")
                if record is None:
                    self.is_damaged = True
                    return
                self.count += 1
                yield record
            # Not later: to go on would be to join all of a file that has no newlines.
            self.is_damaged = len(self.half) > _LONGEST


def index_records(run: Run, name: str) -> Iterator[Record]:
    """The records of the index of the output *name*; none without one. Raises OSError."""
    path = run_meta_path(run, "output", name + ".index")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return
        raise
    try:
        yield from IndexReader(fd).records()
    finally:
        os.close(fd)


def cut_index(run: Run, name: str) -> int:
    """Let the index of the output *name* tell of no more than there is; how many bytes less.

    After a power cut it may lead: these bytes came, and are recorded as missing. Raises OSError.
    """
    if os.path.islink(run_meta_path(run, "output")):
        return 0
    path = run_meta_path(run, "output", name)
    size = os.stat(path).st_size if os.path.exists(path) else 0
    lost = sum(record.length for record in index_records(run, name) if record.stream != "x") - size
    if lost <= 0:
        return 0
    with putting(tmp_dir(run), path + ".index", mode=0o664, sync=run.sync) as fd:
        for data in _cut(index_records(run, name), size, lost):
            write_all(fd, data)
    return lost


def _cut(records: Iterator[Record], left: int, lost: int) -> Iterator[bytes]:
    """The lines of *records* that tell of *left* bytes and of *lost* more, in large pieces."""
    data = b""
    time = 0
    for record in records:
        time = record.time
        here = record.length if record.stream == "x" else min(record.length, left)
        left -= 0 if record.stream == "x" else here
        data += format_record(record._replace(length=here)) if here else b""
        if len(data) > _CHUNK:
            yield data
            data = b""
    yield data + format_record(Record(time, "x", lost))
