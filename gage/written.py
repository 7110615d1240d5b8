"""What a run wrote, read back: all of it, one stream, with times, or while it is written."""

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from gage.attempts import find_attempt
from gage.clock import iso
from gage.errors import StateError
from gage.json_text import json_text
from gage.output import CHUNK, RUN
from gage.output_index import IndexReader, Record
from gage.run import Run, has_fact, run_meta_path
from gage.status import Status, run_status

FOLLOW_EVERY = 0.05
"""Seconds between two looks at output that is followed."""


_LONG = 1 << 16
_PART = re.compile(rb"[^\n]{0,%d}\n|[^\n]{1,%d}" % (_LONG - 1, _LONG))


class Piece(NamedTuple):
    """*data* that *stream* (``o`` or ``e``) wrote at *time*, in microseconds since the epoch.

    Time and stream are None where the index does not tell them. *lost* is the number of bytes
    that came here and could not be written.
    """

    time: int | None
    stream: str | None
    data: bytes
    lost: int = 0


def read_output(
    run: Run,
    name: str,
    *,
    attempt: int | None = None,
    streams: str = "oe",
    stamps: bool = False,
    follow: bool = False,
) -> Iterator[bytes]:
    """The bytes of the output *name* of *run*, in pieces of at most some 256 KiB.

    *attempt* is the number of an earlier attempt, which has ended; NotFoundError is raised
    for one that never was. *streams* chooses among ``o`` and ``e``; *stamps* puts the time,
    ISO 8601, and a tab before each line; *follow* goes on until nothing more can come.
    """
    if streams != "oe" or stamps:
        stamper = _Stamper(stamps)
        pieces = read_pieces(run, name, attempt=attempt, streams=streams, follow=follow)
        for piece in pieces:
            yield stamper.stamped(piece.data, "-" if piece.time is None else iso(piece.time))
        return
    with _opened_output(run, name, attempt, follow) as (fd, _, follow):
        if fd is not None:
            yield from _all(run, name, fd, follow)


def read_pieces(
    run: Run,
    name: str,
    *,
    attempt: int | None = None,
    streams: str = "oe",
    follow: bool = False,
) -> Iterator[Piece]:
    """The output as ``read_output`` gives it, and what its index tells of each piece."""
    with _opened_output(run, name, attempt, follow) as (fd, index, follow):
        if fd is not None:
            yield from _indexed(run, name, fd, index, streams, follow)


def as_lines(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """*pieces* as the lines of each stream, with their newlines and their first times.

    A line comes when it has ended, or in parts where it is longer than 64 KiB. What has no
    newline comes last.
    """
    begun: dict[str | None, tuple[int | None, bytearray]] = {}
    for piece in pieces:
        if piece.lost:
            yield piece
        for part in _PART.findall(piece.data):
            time, line = begun.pop(piece.stream, (piece.time, bytearray()))
            line += part
            if line[-1:] == b"\n" or len(line) >= _LONG:
                yield Piece(time, piece.stream, bytes(line))
            else:
                begun[piece.stream] = time, line
    for stream, (time, line) in begun.items():
        yield Piece(time, stream, bytes(line))


def format_piece(piece: Piece) -> str:
    """*piece* as a line of JSON."""
    if piece.lost:
        return json_text({"time": piece.time, "lost": piece.lost})
    stream = {"o": "stdout", "e": "stderr", None: None}[piece.stream]
    text = piece.data.decode("utf-8", "surrogateescape")
    return json_text({"time": piece.time, "stream": stream, "text": text})


@contextmanager
def _opened_output(
    run: Run, name: str, attempt: int | None, follow: bool
) -> Iterator[tuple[int | None, int, bool]]:
    """The output and its index, or None for none, and whether it is to be followed."""
    folder = find_attempt(run, attempt).folder if attempt is not None else ()
    follow = follow and not folder
    fds: list[int] = []
    try:
        for suffix in ("", ".index"):
            fd = _opened(run, folder, name + suffix, follow)
            if fd is None and not suffix:
                yield None, -1, False
                return
            fds.append(os.open(os.devnull, os.O_RDONLY) if fd is None else fd)
        yield fds[0], fds[1], follow
    finally:
        for fd in fds:
            os.close(fd)


def _opened(run: Run, folder: Sequence[str], name: str, wait: bool) -> int | None:
    while True:
        over = not (wait and _may_grow(run, name.removesuffix(".index")))
        path = run_meta_path(run, *folder, "output", name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            if over:
                return None
            time.sleep(FOLLOW_EVERY)
            continue
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise StateError(f"{path}: not a file")
        return fd


def _may_grow(run: Run, name: str) -> bool:
    """Whether the phase of the output *name* is under way, or still to come."""
    waiting: tuple[Status, ...] = ("pending",)
    if name >= RUN:
        waiting += ("staged", "running")
    if name > RUN:
        waiting += ("exited",)
    return run_status(run) in waiting and not (name < RUN and has_fact(run, "staged"))


def _all(run: Run, name: str, fd: int, follow: bool) -> Iterator[bytes]:
    while True:
        # Asked before the read: what was written before the end is still read after it.
        over = not (follow and _may_grow(run, name))
        while data := os.read(fd, CHUNK):
            yield data
        if over:
            return
        time.sleep(FOLLOW_EVERY)


def _indexed(
    run: Run, name: str, fd: int, index: int, streams: str, follow: bool
) -> Iterator[Piece]:
    for record in _records(run, name, index, follow):
        if record.stream == "x":
            yield Piece(record.time, None, b"", record.length)
        elif record.stream in streams:
            left = record.length
            while left and (data := os.read(fd, min(left, CHUNK))):
                left -= len(data)
                yield Piece(record.time, record.stream, data)
        else:
            # Not beyond the end, whatever a damaged index tells: lseek(2) refuses to go far.
            end = os.fstat(fd).st_size
            os.lseek(fd, min(os.lseek(fd, 0, os.SEEK_CUR) + record.length, end), os.SEEK_SET)
    while data := os.read(fd, CHUNK):
        yield Piece(None, None, data)


def _records(run: Run, name: str, index: int, follow: bool) -> Iterator[Record]:
    reader = IndexReader(index)
    while True:
        over = not (follow and _may_grow(run, name))
        yield from reader.records()
        if over or reader.is_damaged:
            return
        time.sleep(FOLLOW_EVERY)


class _Stamper:
    def __init__(self, active: bool) -> None:
        self._active = active
        self._at_start = True

    def stamped(self, data: bytes, stamp: str) -> bytes:
        if not self._active or not data:
            return data
        before = stamp.encode() + b"\t"
        last = data[-1:]
        body = data[:-1].replace(b"\n", b"\n" + before) + last
        body = before + body if self._at_start else body
        self._at_start = last == b"\n"
        return body
