"""Stopping: what is at work on a run is asked to end, and it is seen to.

The runner is asked, and ends its command as it would at Ctrl-C. It is known by its identity
(gage.identity), since a process ID alone may have been given to another. Where the runner
died and left something of the command behind, that is ended itself.
"""

import os
import signal
import time
from collections.abc import Callable

from gage.acting import expect_ours
from gage.errors import LockedError, StateError
from gage.identity import read_identity
from gage.locks import is_running
from gage.process_tree import NO_ROOT, Tree, is_left_over, members, send, survivors
from gage.run import Run, has_fact, open_run, read_fact
from gage.signals import GRACE
from gage.status import boot_id, run_status
from gage.step_tree import runs_below, step_tree

SETTLE = 1.0
"""Seconds that a runner, or a script, has to finalize its run by itself."""

LOOK_EVERY = 0.05


def is_at_work(run: Run) -> bool:
    """Whether anything of *run*, or of a step of it, is running. Raises OSError."""
    return _is_at_work(run) or any(map(_is_at_work, _below(run)))


def ask_to_stop(run: Run) -> None:
    """Ask what is at work on *run* to end, by SIGTERM.

    Where the runner of a pipeline died, its running steps are asked. Raises StateError
    where nothing runs, or elsewhere, or the run may not be acted upon, LockedError where
    another verb is at work.
    """
    expect_ours(run)
    if is_running(run):
        _signal_runner(run)
    elif is_left_over(run):
        _signal_leftovers(run, signal.SIGTERM)
    elif below := [step for step in _below(run) if _is_at_work(step)]:
        for step in below:
            ask_to_stop(step)
    else:
        raise StateError(f"{run}: not running: {run_status(run)}")


def wait_stopped(
    run: Run, finalize: Callable[[Run], None], *, seconds: float, asked: float
) -> None:
    """Wait until nothing of *run* is at work, its steps included, and it is finalized.

    *finalize* is called for a run that its runner does not finalize. Raises LockedError
    that names what still runs *seconds* after the monotonic time *asked*.
    """
    _wait(run, finalize, seconds, asked)
    for step in _below(run):
        if _is_at_work(step):
            # The pipeline's runner is gone, and could not do it.
            ask_to_stop(step)
        if not _is_over(step):
            _wait(step, finalize, seconds, asked)


def _wait(run: Run, finalize: Callable[[Run], None], seconds: float, asked: float) -> None:
    free_since = None
    killed = False
    while not _is_over(run):
        now = time.monotonic()
        if now - asked > seconds:
            raise LockedError(
                f"{run}: still running after {seconds:g} s{survivors(run)}", "try again"
            )
        if _is_at_work(run):
            free_since = None
            if not (killed or is_running(run)) and now - asked > GRACE:
                _signal_leftovers(run, signal.SIGKILL)
                killed = True
        elif free_since is None:
            free_since = now
        elif now - free_since > SETTLE and not _parent_is_at_work(run):
            try:
                finalize(run)
            except LockedError:
                free_since = None  # somebody does it already
        time.sleep(LOOK_EVERY)


def _is_over(run: Run) -> bool:
    # A run that was asked before it was started never was.
    return not _is_at_work(run) and (has_fact(run, "proc", "exit") or not has_fact(run, "started"))


def _is_at_work(run: Run) -> bool:
    return is_running(run) or is_left_over(run)


def _below(run: Run) -> list[Run]:
    return [row.run for row in runs_below(step_tree(run))]


def _parent_is_at_work(run: Run) -> bool:
    parent = read_fact(run, "parent")
    if not parent or not os.path.isdir(os.path.join(run.home, parent + ".meta")):
        return False
    return is_running(open_run(os.path.join(run.home, parent)))


def _signal_runner(run: Run) -> None:
    identity = read_identity(run)
    if identity is None:
        raise StateError(f"{run}: running, and nothing tells which process runs it")
    if identity.host != os.uname().nodename:
        raise StateError(f"{run}: running on {identity.host}", "stop it there")
    fd = _open_process(identity.pid) if identity.boot == boot_id() else -1
    try:
        # Looked at when the descriptor is there: then the ID cannot be given away any more.
        if fd < 0 or _start_of(identity.pid) != identity.start:
            if is_running(run):
                raise LockedError(f"{run}: another process holds the run", "try again")
            return
        try:
            signal.pidfd_send_signal(fd, signal.SIGTERM)
            # One that was suspended hears nothing before it goes on.
            signal.pidfd_send_signal(fd, signal.SIGCONT)
        except ProcessLookupError:
            pass
        except PermissionError:
            raise StateError(f"{run}: process {identity.pid} belongs to another user") from None
    finally:
        if fd >= 0:
            os.close(fd)


def _signal_leftovers(run: Run, signum: int) -> None:
    for member in members(Tree(run, NO_ROOT)):
        send(member, signum)


def _open_process(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1


def _start_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
