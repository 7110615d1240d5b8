"""A phase's output: the bytes that a command wrote, unchanged, in the order they were read.

They are in ``output/NAME``, and are written before their record in its index (output_index.py):
that may lag behind and never leads, and bytes beyond it belong to the output, their time and
stream unknown.
"""

import errno
import os
import stat

from gage.clock import Clock
from gage.durable import Sync, sync_dir, write_all
from gage.errors import StateError, UsageError
from gage.facts import make_folders
from gage.locks import hold_output
from gage.output_index import Record, format_record
from gage.run import Run, run_meta_path

RUN, FINALIZE = "40_run", "50_finalize"
NAMES = ("10_sourcecode", "20_runtime", "30_dependencies", RUN, FINALIZE)

CHUNK = 1 << 18
"""So many bytes are read and written at once."""

_PENDING = 1 << 16


def output_name(word: str) -> str:
    """The file name of the phase *word*, ``run`` or ``40_run``. Raises UsageError."""
    for name in NAMES:
        if word in (name, name[3:]):
            return name
    phases = ", ".join(name[3:] for name in NAMES)
    raise UsageError(f"{word!r}: no such phase", f"one of {phases}")


def read_tail(path: str, limit: int) -> tuple[int, bytes]:
    """The last bytes of the output at *path*, at most *limit*, and how many are before them.

    Nothing where there is no output, or something else in its place. Raises OSError.
    """
    fd = _opened(path)
    if fd is None:
        return 0, b""
    with open(fd, "rb", buffering=0) as file:
        size = os.fstat(fd).st_size
        start = max(0, size - limit)
        file.seek(start)
        # Not more than there is: memory for all of the limit may not be had.
        return start, file.read(min(size, limit)) or b""


def read_ends(path: str, limit: int) -> tuple[bytes, bytes, int]:
    """The output at *path*, or whole lines of both its ends with what is left out between them.

    At most *limit* bytes are read, three of four from the end; else as ``read_tail``.
    """
    start, end = read_tail(path, limit)
    if not start:
        return end, b"", 0
    fd = _opened(path)
    if fd is None:
        return b"", b"", 0
    with open(fd, "rb", buffering=0) as file:
        first = file.read(limit // 4) or b""
    # A line is cut only where it is longer than all that is shown.
    first = first[: first.rfind(b"\n") + 1] or first
    last = end[limit // 4 :]
    last = last[last.find(b"\n", 0, -1) + 1 :]
    return first, last, start + len(end) - len(first) - len(last)


class OutputFile:
    """An output on its way to the disk; what does not fit is counted in ``lost``."""

    def __init__(self, run: Run, name: str, now: Clock) -> None:
        """Begin the output *name* of *run* anew. Raises OSError, StateError for links."""
        path = run_meta_path(run, "output", name)
        make_folders(run, ("output", name))
        self.lost = 0
        self.trouble = ""
        self._restored = False
        self._run, self._name = run, name
        self._directory = os.path.dirname(path)
        self._now = now
        self._pending = b""
        self._missing = 0
        self._fd = _begun(path)
        hold_output(self._fd)
        self._index = _begun(path + ".index")

    def write(self, stream: str, data: memoryview) -> None:
        """Append *data*, that was read from *stream* just now; never raises for a full disk."""
        time = self._now()
        written = self._append(data) if len(self._pending) < _PENDING else 0
        if written:
            if self._missing:
                self._pending += format_record(Record(time, "x", self._missing))
                self._missing = 0
            self._pending += format_record(Record(time, stream, written))
            self._write_index()
        if written < len(data):
            self.lost += len(data) - written
            self._missing += len(data) - written

    def close(self, sync: Sync, *, seal: bool = False) -> None:
        """Make the output durable by the policy *sync*, read-only with *seal*, and close it.

        What goes wrong is told by ``trouble``: the run has ended and must be recorded.
        """
        if self._fd < 0:
            return
        if self._missing:
            self._pending += format_record(Record(self._now(), "x", self._missing))
        self._write_index()
        self._restore()
        try:
            for fd in (self._fd, self._index):
                if seal:
                    os.fchmod(fd, 0o444 & os.fstat(fd).st_mode)
                if sync != "none":
                    os.fsync(fd)
            sync_dir(self._directory, sync)
        except OSError as error:
            self.trouble = self.trouble or str(error.strerror)
        os.close(self._fd)
        os.close(self._index)
        self._fd = self._index = -1

    def complaint(self) -> str:
        """What is wrong with the output, in words; empty where nothing is."""
        if self.lost:
            return f"{self.lost} bytes of output are lost: {self.trouble}"
        if self._restored:
            return "the output was removed while it was kept, and is written anew"
        return f"the output may not be on the disk: {self.trouble}" if self.trouble else ""

    def _restore(self) -> None:
        """Write anew what was removed or replaced meanwhile: the descriptors still have it."""
        if not os.path.isdir(self._run.meta_dir):
            return  # all of the run has gone, and that is said
        path = run_meta_path(self._run, "output", self._name)
        try:
            if os.fstat(self._fd).st_nlink == 0:
                make_folders(self._run, ("output", self._name))
                self._fd = _written_anew(self._fd, path)
                self._restored = True
            if os.fstat(self._index).st_nlink == 0:
                self._index = _written_anew(self._index, path + ".index")
                self._restored = True
        except (OSError, StateError) as error:
            why = error.strerror if isinstance(error, OSError) else error.message
            self.lost = os.fstat(self._fd).st_size
            self.trouble = f"the output was removed, and cannot be written anew: {why}"

    def _append(self, data: memoryview) -> int:
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            self.trouble = str(error.strerror)
        return done

    def _write_index(self) -> None:
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._index, self._pending) :]
        except OSError as error:
            self.trouble = str(error.strerror)


def _opened(path: str) -> int | None:
    """The output at *path*, None where there is no regular file. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            return None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return fd


def _written_anew(fd: int, path: str) -> int:
    """The file at *fd*, that has no name any more, under the name *path*; *fd* is closed."""
    new = _begun(path)
    try:
        with open(f"/proc/self/fd/{fd}", "rb", buffering=0) as file:
            while data := file.read(CHUNK):
                write_all(new, data)
    except BaseException:
        os.close(new)
        raise
    os.close(fd)
    return new


def _begun(path: str) -> int:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.open(path, flags, 0o664)
