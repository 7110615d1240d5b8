"""The status of a run, derived from its facts and its lock; it is never stored.

The order of the questions is the design: the commit record ``proc/exit`` first, then who
holds the lock, then whether the command's end was noted in this boot. A process ID is
never asked: it may have been given to another.
"""

import os
from typing import Literal

from gage.errors import NotFoundError, StateError
from gage.locks import is_running
from gage.run import RUN_ID, SCHEMA, Run, has_fact, lock_path, open_run, read_fact, read_whole

Status = Literal[
    "completed", "error", "running", "exited", "terminated", "staged", "pending", "unknown"
]
STATUSES: tuple[Status, ...] = (
    "completed",
    "error",
    "terminated",
    "running",
    "exited",
    "staged",
    "pending",
    "unknown",
)


def status_at(run_dir: str) -> Status:
    """The status of the run at *run_dir*; ``unknown`` where its facts make no sense.

    Raises NotFoundError where there is no run.
    """
    try:
        return run_status(open_run(run_dir))
    except StateError:
        return "unknown"


def run_status(run: Run) -> Status:
    """The status of *run*; a damaged run is ``unknown``, never an error."""
    try:
        if read_fact(run, "__schema__") != SCHEMA or not RUN_ID.fullmatch(
            read_fact(run, "id") or ""
        ):
            return "unknown"
        return _finished(run) or _under_way(run)
    except (OSError, ValueError):
        return "unknown"


def exit_status(code: int) -> Status:
    """What a finished run is called whose ``proc/exit`` holds *code*."""
    return "completed" if code == 0 else "error" if code > 0 else "terminated"


def exit_note(run: Run) -> int | None:
    """The exit code that was noted when the command ended, if that was in this boot.

    After a reboot the note proves nothing: output that was not synced may be gone.
    """
    try:
        fd = os.open(lock_path(run, "exit.note"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        code, boot = read_whole(fd).decode().split()
        return int(code) if boot == boot_id() else None
    except (OSError, ValueError):
        return None


def boot_id() -> str:
    """The kernel's name for the time since it started."""
    # Python has to look for any other codec first, and each runner once more.
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return file.read().strip()


def expect(run: Run, wanted: Status, hint: str = "") -> None:
    """Raise StateError, which says what *run* is instead, unless its status is *wanted*.

    Raises NotFoundError where it is gone. A run whose name could not be read when it was
    opened is none to work on, though the reason may have passed.
    """
    status = run_status(run) if run.id and run.opref else "unknown"
    if status == wanted:
        return
    if not os.path.isdir(run.meta_dir):
        raise NotFoundError(f"{run}: its meta dir is gone")
    if status == "unknown":
        raise StateError(f"{run}: a fact is missing or damaged", f"gage-fsck {run}")
    early = _LIFE.index(status) < _LIFE.index(wanted) if status in _LIFE else False
    raise StateError(f"{run}: {_NOT_YET[wanted] if early else _ALREADY[status]}", hint)


_LIFE: tuple[Status, ...] = ("pending", "staged", "running", "exited")

_NOT_YET: dict[Status, str] = {
    "staged": "not staged yet",
    "running": "not started yet",
    "exited": "still running",
}

_ALREADY: dict[Status, str] = {
    "staged": "already staged",
    "running": "already running",
    "exited": "already run, and not finalized yet",
    "completed": "already finished",
    "error": "already finished, with an error",
    "terminated": "already finished, terminated",
}


def _finished(run: Run) -> Status | None:
    code = read_fact(run, "proc", "exit")
    if code is None:
        return None
    return exit_status(int(code))


def _under_way(run: Run) -> Status:
    if has_fact(run, "started"):
        if is_running(run):
            return "running"
        if exit_note(run) is not None:
            return "exited"
        # Whoever held the lock may have finished since the first look.
        return _finished(run) or "terminated"
    if has_fact(run, "staged"):
        return "staged"
    return "pending" if has_fact(run, "initialized") else "unknown"
