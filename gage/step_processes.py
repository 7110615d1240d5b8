"""The processes of steps that run side by side, each a fork of this one.

Each captures the output of its step for the step's own run, so that it is kept whatever
becomes of us. Each has its own process group; a signal that reaches us is passed on to all,
one that stops us too, and where we die without a word, the kernel sends them SIGTERM. Where
there may be several at once, their output comes line by line, whole, behind the name of the
step.
"""

import os
import select
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NamedTuple, NoReturn

from gage import process_tree
from gage.echo import Echo
from gage.signals import held_back

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_STREAMS = ("o", "e")
_NEVER_STARTED = 125

PIECE = 1 << 16
"""A line that is longer is passed on in pieces of so many bytes, each a line of its own."""


class _Stream(NamedTuple):
    prefix: bytes
    to: str
    line: bytearray


class _Step(NamedTuple):
    name: str
    pid: int
    streams: dict[int, _Stream]


class StepProcesses:
    """The steps that run now; ``stopped_by`` is the signal that ended the work, or 0."""

    def __init__(self, *, apart: bool) -> None:
        """With *apart*, the lines of the steps are told apart by their names."""
        self.stopped_by = 0
        self._apart = apart
        self._steps: dict[int, _Step] = {}  # by the descriptor of the process
        self._streams: dict[int, _Stream] = {}
        self._before: dict[int, Any] = {}
        # Without a reader of ours the steps still run, and their runs have what they say.
        self._echo = Echo({"o": 1, "e": 2} if apart else {}, lambda: None)

    def __enter__(self) -> "StepProcesses":
        handlers: dict[int, Callable[[int, FrameType | None], None]]
        handlers = dict.fromkeys(_PASSED_ON, self._stop)
        handlers[signal.SIGTSTP] = self._suspend
        handlers[signal.SIGCONT] = lambda signum, frame: self._send(signum)
        for signum, handler in handlers.items():
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stop(signal.SIGTERM, None)
        while self._steps:
            self.wait([])
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def __len__(self) -> int:
        return len(self._steps)

    def start(self, name: str, work: Callable[[], int]) -> bool:
        """Let a process do *work* as the step *name*, and exit with the code that it returns.

        Returns False, and starts nothing, where a signal has stopped the work. Raises OSError.
        """
        process_tree.load()
        sys.stdout.flush()
        sys.stderr.flush()
        # Our handlers must not run in the child, nor miss it.
        with held_back():
            if self.stopped_by:
                return False
            pipes = [os.pipe() for _ in _STREAMS] if self._apart else []
            parent = os.getpid()
            try:
                pid = os.fork()
            except OSError:
                for fd in (fd for ends in pipes for fd in ends):
                    os.close(fd)
                raise
            if pid == 0:
                self._become(work, parent, pipes)
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                # It waits for nothing: what nobody would see the end of is not to go on.
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                for fd in (fd for ends in pipes for fd in ends):
                    os.close(fd)
                raise
            streams = {}
            for (ours, theirs), to in zip(pipes, _STREAMS, strict=False):
                os.close(theirs)
                os.set_blocking(ours, False)
                streams[ours] = _Stream(os.fsencode(name) + b" | ", to, bytearray())
            self._streams.update(streams)
            self._steps[pidfd] = _Step(name, pid, streams)
        return True

    def wait(self, also: list[int]) -> tuple[str, int] | None:
        """The name and exit code of the next step that ends, -N for signal N; None if one of
        *also* is readable first.
        """
        while True:
            poll = select.poll()
            for fd in (*self._streams, *self._steps, *also):
                poll.register(fd, select.POLLIN)
            readable = [fd for fd, _ in poll.poll()]
            for fd in readable:
                if fd in self._streams:
                    self._pass_on(fd)
            for fd in readable:
                if fd in self._steps:
                    return self._ended(fd)
            if any(fd in also for fd in readable):
                return None

    def _become(
        self, work: Callable[[], int], parent: int, pipes: list[tuple[int, int]]
    ) -> NoReturn:
        code = _NEVER_STARTED
        try:
            process_tree.die_with_parent(signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(code)
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            # While we had the other end of a pipe too, who writes there would not be told
            # that its reader is gone.
            for fd in (*self._streams, *(ours for ours, _ in pipes)):
                os.close(fd)
            for to, (_, theirs) in enumerate(pipes, 1):
                os.dup2(theirs, to)
                os.close(theirs)
            for signum, handler in self._before.items():
                signal.signal(signum, handler)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            code = work()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _ended(self, pidfd: int) -> tuple[str, int]:
        step = self._steps.pop(pidfd)
        for fd, stream in step.streams.items():
            # A stream may be over before its process is, and another step have its number.
            while self._streams.get(fd) is stream and self._pass_on(fd):
                pass
            if self._streams.get(fd) is stream:
                self._end(fd)
        _, status = os.waitpid(step.pid, 0)
        os.close(pidfd)
        return step.name, os.waitstatus_to_exitcode(status)

    def _pass_on(self, fd: int) -> bool:
        """Pass on what a step has written by now; False where that is nothing."""
        stream = self._streams[fd]
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return False
        if not data:
            self._end(fd)
            return False
        # splitlines would split at every carriage return of a progress bar, too.
        first, *others = data.split(b"\n")
        lines = [bytes(stream.line) + first, *others]
        rest = lines.pop()
        if len(rest) >= PIECE:
            lines.append(rest)
            rest = b""
        stream.line[:] = rest
        self._write(stream, lines)
        return True

    def _end(self, fd: int) -> None:
        stream = self._streams.pop(fd)
        if stream.line:
            self._write(stream, [bytes(stream.line)])
        os.close(fd)

    def _write(self, stream: _Stream, lines: list[bytes]) -> None:
        data = b"".join(stream.prefix + line + b"\n" for line in lines)
        self._echo.write(stream.to, memoryview(data))

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopped_by = self.stopped_by or signum
        self._send(signum)

    def _suspend(self, signum: int, frame: FrameType | None) -> None:
        self._send(signum)
        for pidfd in self._steps:
            # One that stopped after we were continued would stay so.
            os.waitid(os.P_PIDFD, pidfd, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        os.kill(os.getpid(), signal.SIGSTOP)

    def _send(self, signum: int) -> None:
        for pidfd in self._steps:
            try:
                signal.pidfd_send_signal(pidfd, signum)
            except ProcessLookupError:
                pass
