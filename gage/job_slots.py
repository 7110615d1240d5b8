"""Job slots: how many steps may run side by side, shared with make(1).

The protocol is that of GNU Make ("POSIX Jobserver Interaction" in its manual): a pipe or
FIFO named in ``MAKEFLAGS`` holds a byte for each slot beyond the one that every process
has for itself; a byte is read before another job begins and written back, the same one,
when it has ended.
"""

import os
import re
import stat
from collections.abc import Mapping
from types import TracebackType

from gage.errors import UsageError

MOST_JOBS = 4096
"""So many bytes fit into any pipe: more would be waited for before anybody could take one."""

_NONE = -1


class JobSlots:
    """The slots of this process; the first is its own and needs no byte.

    With *jobs* that many, from a jobserver of our own; else those of the Make that
    *environ* tells of, and without one a single slot. ``environ`` is what a process that we
    start needs to take its slots from the same place. Raises UsageError for more jobs than a
    pipe has room for.
    """

    def __init__(self, jobs: int | None, environ: Mapping[str, str]) -> None:
        self.environ: dict[str, str] = {}
        self._read = self._write = _NONE
        self._opened: list[int] = []
        self._own_taken = False
        self._tokens: list[bytes] = []
        flags = environ.get("MAKEFLAGS", "")
        if jobs is None:
            self._join(_auth(flags))
        elif jobs > MOST_JOBS:
            raise UsageError(f"-j {jobs}: expected at most {MOST_JOBS}")
        elif jobs > 1:
            self._serve(jobs, flags)

    def take(self) -> bool:
        """Take a slot if there is one now."""
        if not self._own_taken:
            self._own_taken = True
            return True
        if self._read == _NONE:
            return False
        try:
            token = os.read(self._read, 1)
        except BlockingIOError:
            return False
        if token:
            self._tokens.append(token)
        else:  # nobody has it open any more who could give a slot back
            self._read = _NONE
        return bool(token)

    def give_back(self) -> None:
        """Give back a slot that was taken."""
        if self._tokens:
            os.write(self._write, self._tokens.pop())
        else:
            self._own_taken = False

    @property
    def waiting_on(self) -> list[int]:
        """The descriptor that is readable when a slot may be had; none without a jobserver."""
        return [] if self._read == _NONE else [self._read]

    @property
    def many(self) -> bool:
        """Whether there may be more than one slot."""
        return self._read != _NONE

    def __enter__(self) -> "JobSlots":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._tokens:
            self.give_back()
        for fd in self._opened:
            os.close(fd)

    def _serve(self, jobs: int, flags: str) -> None:
        read, self._write = os.pipe()
        for fd in (read, self._write):
            os.set_inheritable(fd, True)
        self._read = _own(read)
        self._opened = [read, self._write, self._read]
        os.write(self._write, b"+" * (jobs - 1))
        options, dashes, variables = f" {flags}".partition(" -- ")
        options = _ABOUT_JOBS.sub("", options[1:]).rstrip()
        auth = f"--jobserver-auth={read},{self._write}"
        self.environ = {"MAKEFLAGS": f"{options} -j{jobs} {auth}{dashes}{variables}"}

    def _join(self, auth: str) -> None:
        kind, _, path = auth.partition(":")
        try:
            if kind == "fifo":
                # Open for both, it never comes to its end.
                self._read = self._write = _opened(path, os.O_RDWR)
                self._opened = [self._read]
            elif "," in auth:
                read, self._write = map(int, auth.split(","))
                self._read = _own(read)
                self._opened = [self._read]
                os.fstat(self._write)
        except (OSError, ValueError):
            # Make keeps its descriptors from a recipe that is not marked with `+`.
            self._read = _NONE


# What make refuses to be told twice.
_ABOUT_JOBS = re.compile(r"(?<!\S)(-j *\d*|--jobs(=\S*)?|--jobserver-\S+)(?!\S)")


def _auth(flags: str) -> str:
    """What ``--jobserver-auth`` says, ``R,W`` or ``fifo:PATH``; empty where there is none.

    Behind a ``--`` stand variables, and a blank behind a backslash belongs to its word.
    """
    auth = ""
    for word in re.findall(r"(?:\\.|\S)+", flags):
        option, _, value = word.partition("=")
        if option == "--":
            break
        if option in ("--jobserver-auth", "--jobserver-fds"):
            auth = re.sub(r"\\(.)", r"\1", value)
    return auth


def _own(fd: int) -> int:
    """The pipe *fd* once more, non-blocking.

    The state of a descriptor is shared with all who inherited it, and they may count on it
    to block; one that is opened anew is our own.
    """
    return _opened(f"/proc/self/fd/{fd}", os.O_RDONLY)


def _opened(path: str, flags: int) -> int:
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path}: neither a pipe nor a FIFO")
    return fd
