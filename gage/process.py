"""A command behind a gate: its process exists, but runs nothing until it is let through.

So its process ID can be recorded before it does anything. The child has its own process
group, an empty standard input, default signals, and dies with us; where the gate closes
without a word, because we died, it exits 125 and has run nothing.

It holds the run's tree lock through an inherited descriptor, and so does whatever it starts
that does not close what it inherits.
"""

import errno
import fcntl
import os
import select
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

from gage import process_tree
from gage.durable import write_all
from gage.errors import StateError
from gage.terminal import Terminal, become_controlling

NOT_FOUND = 127
NOT_EXECUTABLE = 126
NEVER_STARTED = 125

_PIPE_SIZE = 1 << 20
_LOCK_ABOVE = 60  # scripts use the low descriptors for themselves


class Child(NamedTuple):
    """A process that was started: *streams* tells which descriptor reads ``o`` or ``e``."""

    pid: int
    pidfd: int
    gate: int
    streams: dict[int, str]


def argv_of(args: Sequence[str] | str, script: str) -> list[str]:
    """The argv for the command *args*: a list is one, a string is for ``sh -c``.

    A string that begins with ``#!`` is written to the file *script*, which becomes the argv;
    the caller removes it. Raises StateError for no command at all.
    """
    if not isinstance(args, str):
        if not args:
            raise StateError("the command is empty")
        return list(args)
    if not args.startswith("#!"):
        return ["/bin/sh", "-c", args]
    script = os.path.abspath(script)
    with suppress(FileNotFoundError):
        os.unlink(script)
    fd = os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700)
    try:
        write_all(fd, args.encode("utf-8", "surrogateescape"))
    finally:
        os.close(fd)
    return [script]


def start_behind_gate(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    lock: int = -1,
    terminal: Terminal | None = None,
) -> Child:
    """Start *argv* in the directory *cwd*, held until open_gate.

    *lock* is a descriptor that it inherits. With *terminal*, that is its controlling
    terminal and its output; otherwise both streams are pipes. Raises OSError where the
    system cannot make another process; what is wrong with the command itself the child
    writes to its standard error, and exits 126 or 127.
    """
    process_tree.load()
    directory = os.open(cwd, os.O_RDONLY | os.O_DIRECTORY)
    theirs, ours, streams, pid = [directory], [], {}, 0
    try:
        gate, our_gate = os.pipe()
        theirs.append(gate)
        ours.append(our_gate)
        if terminal:
            out = err = terminal.slave
            theirs.append(out)  # ours must go, or the terminal never tells its end
            streams[terminal.master] = "o"
        else:
            our_out, out = _pipe()
            streams[our_out] = "o"
            theirs.append(out)
            our_err, err = _pipe()
            streams[our_err] = "e"
            theirs.append(err)
        for fd in streams:
            os.set_blocking(fd, False)
        parent = os.getpid()
        # Our handlers must not run in the child.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                os.close(our_gate)
                _become(argv, env, parent, directory, gate, out, err, lock, terminal)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        pidfd = os.pidfd_open(pid)
    except OSError:
        for fd in (*ours, *streams):
            os.close(fd)
        if pid:
            os.waitpid(pid, 0)  # its gate is closed
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    if not terminal:
        _set_group(pid)
    return Child(pid, pidfd, our_gate, streams)


def open_gate(child: Child) -> None:
    """Let *child* run its command."""
    try:
        os.write(child.gate, b"!")
    except BrokenPipeError:
        pass  # it was killed while it waited
    os.close(child.gate)


def abandon(child: Child) -> None:
    """Close the gate: *child* ends without having run anything, and is gone on return."""
    os.close(child.gate)
    reap(child)


def reap(child: Child) -> int:
    """The returncode of *child*, awaited: its exit code, or -N where signal N ended it."""
    _, status = os.waitpid(child.pid, 0)
    os.close(child.pidfd)
    return os.waitstatus_to_exitcode(status)


def has_ended(child: Child) -> bool:
    """Whether *child* has ended, without reaping it: its process ID stays its own."""
    return bool(select.select([child.pidfd], [], [], 0)[0])


def signal_group(child: Child, signum: int) -> None:
    """Send a signal to the process group of *child*, not yet reaped."""
    try:
        os.killpg(child.pid, signum)
    except (ProcessLookupError, PermissionError):
        pass
    try:
        # It may have left its group.
        if os.getpgid(child.pid) != child.pid:
            signal.pidfd_send_signal(child.pidfd, signum)
    except (ProcessLookupError, PermissionError):
        pass


def _pipe() -> tuple[int, int]:
    ours, theirs = os.pipe()
    try:
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:
        pass  # beyond what a user may have; the usual size does as well
    return ours, theirs


def _set_group(pid: int) -> None:
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass  # the child was first, and perhaps is gone


def _become(
    argv: Sequence[str],
    env: Mapping[str, str],
    parent: int,
    directory: int,
    gate: int,
    out: int,
    err: int,
    lock: int,
    terminal: Terminal | None,
) -> NoReturn:
    try:
        process_tree.die_with_parent()
        if os.getppid() != parent:
            os._exit(NEVER_STARTED)
        signal.set_wakeup_fd(-1)
        hangup_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(signum, signal.SIG_DFL)
        if hangup_ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if terminal:
            become_controlling(terminal)
        else:
            os.setpgid(0, 0)
        os.fchdir(directory)
        # Above the standard three, so that none is overwritten before it is copied.
        gate, out, err = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (gate, out, err))
        os.dup2(terminal.slave if terminal and terminal.typed else _nothing(), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        if lock >= 0:
            _keep_open(lock)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if not os.read(gate, 1):
            os._exit(NEVER_STARTED)
        os._exit(_execute(argv, env))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        os.write(2, f"gage: {argv[0]}: {why}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(NEVER_STARTED)


def _keep_open(lock: int) -> None:
    try:
        os.set_inheritable(fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, _LOCK_ABOVE), True)
    except OSError:  # so many descriptors are not allowed here
        os.set_inheritable(lock, True)


def _nothing() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def _execute(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Become the program *argv*; return only where that fails, with the exit code for it."""
    program = argv[0]
    if "/" in program:
        places = [program]
    else:
        # An empty or relative part of PATH would look into the run dir.
        path = env.get("PATH", os.defpath).split(":")
        places = [os.path.join(part, program) for part in path if part.startswith("/")]
    trouble = errno.ENOENT
    for place in places:
        try:
            os.execve(place, list(argv), env)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                trouble = error.errno or errno.EACCES
            elif os.path.exists(place):
                return _cannot(program, "its interpreter was not found", NOT_EXECUTABLE)
            if trouble not in (errno.ENOENT, errno.EACCES):
                break
        except ValueError as error:
            return _cannot(program, str(error), NOT_EXECUTABLE)
    if trouble == errno.ENOENT:
        what = "no such file" if "/" in program else "command not found"
        return _cannot(program, what, NOT_FOUND)
    if os.path.isdir(program) and "/" in program:
        trouble = errno.EISDIR
    return _cannot(program, os.strerror(trouble), NOT_EXECUTABLE)


def _cannot(program: str, what: str, code: int) -> int:
    os.write(2, os.fsencode(f"{program}: {what}\n"))
    return code
