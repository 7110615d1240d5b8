"""The processes of steps that run side by side, each a gage-exec of its own.

So the output of a step reaches its own run whatever becomes of us. Each has its own process
group; a signal that reaches us is passed on to all. Where there may be several at once,
their output comes line by line, whole, behind the name of the step.
"""

import os
import select
import signal
import sys
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import IO, Any, NamedTuple

from gage.durable import write_all

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_EXEC = "import sys; from gage.plumbing.exec import main; sys.exit(main())"
_CHUNK = 1 << 16


class _Stream(NamedTuple):
    name: str
    to: int
    rest: bytearray


class StepProcesses:
    """The steps that run now; ``stopped_by`` is the signal that ended the work, or 0."""

    def __init__(self, *, apart: bool) -> None:
        """With *apart*, the lines of the steps are told apart by their names."""
        self.stopped_by = 0
        self._apart = apart
        self._running: dict[str, Any] = {}
        self._streams: dict[int, _Stream] = {}
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StepProcesses":
        for signum in _PASSED_ON:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._running:
            self._stop(signal.SIGTERM, None)
        while self._running:
            self.wait([])
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def __len__(self) -> int:
        return len(self._running)

    def start(self, name: str, run_dir: str, environ: Mapping[str, str]) -> None:
        """Execute the staged run at *run_dir* as the step *name*. Raises OSError."""
        import subprocess

        pipe = subprocess.PIPE if self._apart else None
        # Locks and job slots are descriptors, and reach the command only by inheritance.
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _EXEC, run_dir],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            close_fds=False,
            process_group=0,
            env=dict(environ),
        )
        self._running[name] = process
        for ours, to in ((process.stdout, 1), (process.stderr, 2)):
            if ours is not None:
                self._streams[_kept(ours)] = _Stream(name, to, bytearray())

    def wait(self, also: list[int]) -> tuple[str, int] | None:
        """The name and exit code of the next step that ends; None if one of *also* is readable."""
        while True:
            for name, process in self._running.items():
                open_still = any(stream.name == name for stream in self._streams.values())
                if not open_still and process.poll() is not None:
                    del self._running[name]
                    return name, process.returncode
            poll = select.poll()
            pidfds = [
                os.pidfd_open(process.pid)
                for process in self._running.values()
                if process.returncode is None
            ]
            try:
                for fd in (*self._streams, *pidfds, *also):
                    poll.register(fd, select.POLLIN)
                readable = [fd for fd, _ in poll.poll()]
            finally:
                for fd in pidfds:
                    os.close(fd)
            for fd in readable:
                if fd in self._streams:
                    self._pass_on(fd)
            if any(fd in also for fd in readable):
                return None

    def _pass_on(self, fd: int) -> None:
        name, to, rest = self._streams[fd]
        data = os.read(fd, _CHUNK)
        rest += data if data or not rest or rest.endswith(b"\n") else b"\n"
        end = rest.rfind(b"\n") + 1
        prefix = os.fsencode(name) + b" | "
        lines = bytes(rest[:end]).splitlines(keepends=True)
        del rest[:end]
        write_all(to, b"".join(prefix + line for line in lines))
        if not data:
            os.close(fd)
            del self._streams[fd]

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopped_by = self.stopped_by or signum
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signum)


def _kept(stream: IO[bytes]) -> int:
    """The descriptor of *stream*, which outlives it."""
    fd = os.dup(stream.fileno())
    stream.close()
    return fd
