"""The processes of a run: the command, what it started, and what that left behind.

A process belongs to the tree of a command when it is in its process group or session, has
the run's ``RUN_ID`` in its environment, is an orphan of it that came to us (as a subreaper,
prctl(2)), or descends from one that belongs. A process ID alone proves nothing: a process
is signalled through a descriptor, after its start time was seen to be the same.
"""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from gage.errors import GageError, LockedError
from gage.locks import is_held
from gage.run import Run, has_fact

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

NO_ROOT = -1
"""The root of a tree whose command is gone, and its process ID perhaps another's."""

_BETWEEN_LOOKS = 0.025
_LOOKS_ASKED = 40
_LOOKS = 60

_CHASES = 1000
_TOLD = 5


class Member(NamedTuple):
    """A living process; *start* is its start time in clock ticks since boot."""

    pid: int
    start: int
    command: str


class Tree(NamedTuple):
    """Where to look for the processes of *run*: *root* is the command itself.

    *reaper* says that this process adopts orphans; *strangers* are children it had before.
    *secrets* are values that are not told with what a process runs.
    """

    run: Run
    root: int
    reaper: bool = False
    strangers: frozenset[int] = frozenset()
    secrets: frozenset[str] = frozenset()


class _Stat(NamedTuple):
    state: str
    ppid: int
    group: int
    session: int
    start: int


def become_reaper() -> None:
    """Let orphans of what we start come to this process, and not to init.

    Only for a process of our own: the children of another are none of our business.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


@contextmanager
def reaping() -> Iterator[bool]:
    """Let orphans come to this process in a ``with`` block; whether they do.

    They do not where it has other threads or children, whose orphans would come, too.
    """
    import threading

    if threading.active_count() > 1 or children():
        yield False
        return
    import ctypes

    before = ctypes.c_int()
    _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before))
    become_reaper()
    try:
        yield True
    finally:
        _prctl(_PR_SET_CHILD_SUBREAPER, before.value)


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Let the kernel send *signum* to this process when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def load() -> None:
    """Load what the calls above need; between fork and exec is no time to import."""
    _libc()


def has_survivors(tree: Tree) -> bool:
    """Whether anything but the command itself lives; to be asked often."""
    if is_held(tree.run, "tree"):
        return True
    return has_orphans(tree) if tree.reaper else bool(members(tree))


def members(tree: Tree) -> list[Member]:
    """What lives of the tree, but for the command itself, by process ID."""
    stats = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    ours = os.getpid()
    above = _ancestors(ours, stats)
    found = {tree.root} | {
        pid
        for pid, s in stats.items()
        if s.group == tree.root or s.session == tree.root or _is_of(pid, tree.run)
    }
    if tree.reaper:
        found |= _adopted(tree)
    found -= above
    grown = True
    while grown:
        more = {pid for pid, s in stats.items() if s.ppid in found} - found - above
        found |= more
        grown = bool(more)
    return [
        Member(pid, stats[pid].start, _command(pid, tree))
        for pid in sorted(found - {tree.root})
        if pid in stats and stats[pid].state not in "ZX"
    ]


def end_members(tree: Tree) -> list[Member]:
    """End all that lives of the tree, asked first and then killed; returns what did live."""
    import time

    ended: dict[int, Member] = {}
    for look in range(_LOOKS):
        found = members(tree)
        if not found:
            break
        for member in found:
            if look >= _LOOKS_ASKED or member.pid not in ended:
                send(member, signal.SIGKILL if look >= _LOOKS_ASKED else signal.SIGTERM)
                send(member, signal.SIGCONT)  # one that is stopped does not hear a SIGTERM
            ended.setdefault(member.pid, member)
        time.sleep(_BETWEEN_LOOKS)
    return list(ended.values())


def has_orphans(tree: Tree) -> bool:
    """Whether anything that came to us lives."""
    if tree.reaper:
        reap_orphans(tree)
    return tree.reaper and bool(_adopted(tree))


def end_orphans(tree: Tree) -> bool:
    """Kill at once what came to us and nobody else tells of; whether all of it is gone.

    What starts itself anew again and again is gone from /proc before it is looked at there; a
    child of ours keeps its process ID until we take leave of it.
    """
    for _ in range(_CHASES):
        reap_orphans(tree)
        orphans = _adopted(tree)
        if not orphans:
            return True
        for pid in orphans:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    return False


def is_left_over(run: Run) -> bool:
    """Whether anything of *run* lives whose end its runner did not see."""
    if is_held(run, "tree"):
        return True
    from gage.status import exit_note

    if not has_fact(run, "started") or has_fact(run, "proc", "exit") or exit_note(run) is not None:
        return False
    # What the command started may have closed what it inherited, the lock among it.
    return bool(members(Tree(run, NO_ROOT)))


def survivors(run: Run) -> str:
    """What lives of *run*, whose runner is gone, in words: ``: process 12 (sleep 60)``.

    Empty where nothing of it can be found.
    """
    found = members(Tree(run, NO_ROOT))
    words = [f"process {m.pid} ({' '.join(m.command.split())})" for m in found[:_TOLD]]
    if len(found) > _TOLD:
        words.append(f"and {len(found) - _TOLD} more")
    return f": {', '.join(words)}" if words else ""


def check_no_survivors(run: Run) -> None:
    """Raise LockedError, which tells what it is, where anything of *run* still lives."""
    if is_left_over(run):
        # With a slash it is a path, wherever the run is.
        path = os.path.join(run.home, run.name)
        raise LockedError(
            f"{run}: something that its command started is still running{survivors(run)}",
            f"gage runs stop {path}",
        )


def stop_members(tree: Tree) -> None:
    """Stop all that lives of the tree by SIGSTOP, with what it starts meanwhile."""
    stopped: set[Member] = set()
    for _ in range(_LOOKS):
        if not (more := set(members(tree)) - stopped):
            break
        for member in more:
            send(member, signal.SIGSTOP)
        stopped |= more


def continue_members(tree: Tree) -> None:
    """Let all that lives of the tree go on."""
    for member in members(tree):
        send(member, signal.SIGCONT)


def send(member: Member, signum: int) -> None:
    """Send a signal to *member*; that it has gone is no error."""
    try:
        fd = os.pidfd_open(member.pid)
    except OSError:
        return
    try:
        stat = _stat(member.pid)
        if stat is not None and stat.start == member.start:
            signal.pidfd_send_signal(fd, signum)
    except OSError:
        pass
    finally:
        os.close(fd)


def reap_orphans(tree: Tree) -> None:
    """Take leave of orphans that have ended, so that they do not stay as zombies."""
    for pid in _adopted(tree):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def children() -> frozenset[int]:
    """The process IDs of the children of this process, zombies included."""
    found: set[int] = set()
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="utf-8") as file:
                found |= set(map(int, file.read().split()))
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        for pid in _pids():
            stat = _stat(pid)
            if stat is not None and stat.ppid == os.getpid():
                found.add(pid)
    return frozenset(found)


def _adopted(tree: Tree) -> frozenset[int]:
    return children() - tree.strangers - {tree.root}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _read(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def _stat(pid: int) -> _Stat | None:
    try:
        # proc(5): the name, in parentheses, may hold anything; the rest are fields 3 to 52.
        fields = _read(pid, "stat").rpartition(b")")[2].split()
        return _Stat(fields[0].decode(), *map(int, (*fields[1:4], fields[19])))
    except (OSError, ValueError, IndexError):
        return None


def _is_of(pid: int, run: Run) -> bool:
    """Whether the environment of the process says that it is of *run*, and not of a copy."""
    try:
        entries = _read(pid, "environ").split(b"\0")
    except OSError:
        return False
    if not run.id or f"RUN_ID={run.id}".encode() not in entries:
        return False
    named = next((entry[8:] for entry in entries if entry.startswith(b"RUN_DIR=")), b"")
    # Where a run was moved while it ran, nothing is there any more.
    there, ours = os.fsdecode(named) + ".meta", run.meta_dir
    try:
        return not named or not os.path.lexists(there) or os.path.samefile(there, ours)
    except OSError:
        return True


def _command(pid: int, tree: Tree) -> str:
    """What the process runs, with its arguments, but without the secrets that are in them.

    Where these are not known, as in a process that has another environment, it is the name
    of its program alone.
    """
    try:
        words = _read(pid, "cmdline").rstrip(b"\0").replace(b"\0", b" ")
        if words and (variables := _secret_variables(tree.run)):
            own = dict(entry.partition(b"=")[::2] for entry in _read(pid, "environ").split(b"\0"))
            values = {own[name] for name in map(os.fsencode, variables) if name in own}
            values |= set(map(os.fsencode, tree.secrets))
            for value in sorted(filter(None, values), key=len, reverse=True):
                words = words.replace(value, b"***")
            if not values:
                words = b""
        return os.fsdecode((words or _read(pid, "comm").strip())[:200])
    except OSError:
        return ""


def _secret_variables(run: Run) -> set[str]:
    from gage.recorded import recorded_opdef
    from gage.secret import secret_variables

    try:
        return set(secret_variables(recorded_opdef(run)).values())
    except GageError:
        return set()


def _ancestors(pid: int, stats: dict[int, _Stat]) -> set[int]:
    found: set[int] = set()
    while pid in stats and pid not in found:
        found.add(pid)
        pid = stats[pid].ppid
    return found


_loaded: Any = None


def _libc() -> Any:
    global _loaded
    if _loaded is None:
        import ctypes

        _loaded = ctypes.CDLL(None, use_errno=True)
    return _loaded


def _prctl(option: int, value: Any) -> None:
    if _libc().prctl(option, value, 0, 0, 0) != 0:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), "prctl")
