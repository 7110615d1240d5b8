"""Job slots: how many steps may run side by side, shared with make(1).

The protocol is that of GNU Make ("POSIX Jobserver Interaction" in its manual): a pipe or
FIFO named in ``MAKEFLAGS`` holds a byte for each slot beyond the one that every process
has for itself; a byte is read before another job begins and written back, the same one,
when it has ended.
"""

import os
import re
import select
from collections.abc import Mapping
from types import TracebackType

_AUTH = re.compile(r"--jobserver-(?:auth|fds)=(?:fifo:(?P<fifo>\S+)|(?P<read>\d+),(?P<write>\d+))")


class JobSlots:
    """The slots of this process; the first is its own and needs no byte.

    With *jobs* that many, from a jobserver of our own; else those of the Make that
    *environ* tells of, and without one a single slot. ``environ`` is what a process that we
    start needs to take its slots from the same place.
    """

    def __init__(self, jobs: int | None, environ: Mapping[str, str]) -> None:
        self.environ: dict[str, str] = {}
        self._read = self._write = -1
        self._ours: list[int] = []
        self._own_taken = False
        self._tokens: list[bytes] = []
        if jobs is None:
            self._join(environ.get("MAKEFLAGS", ""))
        elif jobs > 1:
            self._serve(jobs)

    def take(self) -> bool:
        """Take a slot if there is one now."""
        if not self._own_taken:
            self._own_taken = True
            return True
        if self._read < 0 or not select.select([self._read], [], [], 0)[0]:
            return False
        # Another may be quicker; a jobserver's pipe must stay blocking for those who share it.
        token = _read_now(self._read)
        if token:
            self._tokens.append(token)
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
        return [self._read] if self._read >= 0 else []

    @property
    def many(self) -> bool:
        """Whether there may be more than one slot."""
        return self._read >= 0

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
        for fd in self._ours:
            os.close(fd)

    def _serve(self, jobs: int) -> None:
        self._read, self._write = os.pipe()
        self._ours = [self._read, self._write]
        for fd in self._ours:
            os.set_inheritable(fd, True)
        os.write(self._write, b"+" * (jobs - 1))
        auth = f"--jobserver-auth={self._read},{self._write}"
        self.environ = {"MAKEFLAGS": f" -j{jobs} {auth}"}

    def _join(self, flags: str) -> None:
        matches = list(_AUTH.finditer(flags))
        if not matches:
            return
        match = matches[-1]  # the last holds
        try:
            if match["fifo"]:
                self._read = self._write = os.open(match["fifo"], os.O_RDWR | os.O_CLOEXEC)
                self._ours = [self._read]
            else:
                read, write = int(match["read"]), int(match["write"])
                os.fstat(read), os.fstat(write)
                self._read, self._write = read, write
        except OSError:
            # Make keeps its descriptors from a recipe that is not marked with `+`.
            self._read = self._write = -1


def _read_now(fd: int) -> bytes:
    """A byte of *fd*, or none where another process was quicker.

    The descriptor is shared, so it cannot be made non-blocking; a child of it can time out.
    """
    import signal

    def give_up(signum: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        return os.read(fd, 1)
    except TimeoutError:
        return b""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
