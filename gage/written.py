"""What a run wrote, read back: all of it, one stream, with times, or while it is written."""

import os
import stat
import time
from collections.abc import Iterator, Sequence

from gage.attempts import find_attempt
from gage.clock import iso
from gage.errors import StateError
from gage.output import CHUNK, RUN, Record, parse_record
from gage.run import Run, has_fact, run_meta_path
from gage.status import Status, run_status

FOLLOW_EVERY = 0.05
"""Seconds between two looks at output that is followed."""


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
    folder = find_attempt(run, attempt).folder if attempt is not None else ()
    follow = follow and not folder
    fds: list[int] = []
    try:
        for suffix in ("", ".index"):
            fd = _opened(run, folder, name + suffix, follow)
            if fd is None and not suffix:
                return
            if fd is not None:
                fds.append(fd)
        if streams == "oe" and not stamps:
            yield from _all(run, name, fds[0], follow)
        else:
            index = fds[1] if len(fds) > 1 else os.open(os.devnull, os.O_RDONLY)
            fds[1:] = [index]
            yield from _indexed(run, name, fds[0], index, streams, stamps, follow)
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
    run: Run, name: str, fd: int, index: int, streams: str, stamps: bool, follow: bool
) -> Iterator[bytes]:
    stamper = _Stamper(stamps)
    for record in _records(run, name, index, follow):
        if record.stream == "x":
            continue
        if record.stream in streams:
            left = record.length
            while left and (data := os.read(fd, min(left, CHUNK))):
                left -= len(data)
                yield stamper.stamped(data, iso(record.time))
        else:
            os.lseek(fd, record.length, os.SEEK_CUR)
    while data := os.read(fd, CHUNK):
        yield stamper.stamped(data, "-")


def _records(run: Run, name: str, index: int, follow: bool) -> Iterator[Record]:
    half = b""
    while True:
        over = not (follow and _may_grow(run, name))
        while data := os.read(index, CHUNK):
            *lines, half = (half + data).split(b"\n")
            for line in lines:
                record = parse_record(line + b"\n")
                if record is None:
                    return  # damaged: from here on nothing is known
                yield record
        if over:
            return
        time.sleep(FOLLOW_EVERY)


class _Stamper:
    def __init__(self, active: bool) -> None:
        self._active = active
        self._at_start = True

    def stamped(self, data: bytes, stamp: str) -> bytes:
        if not self._active:
            return data
        before = stamp.encode() + b"\t"
        last = data[-1:]
        body = data[:-1].replace(b"\n", b"\n" + before) + last
        body = before + body if self._at_start else body
        self._at_start = last == b"\n"
        return body
