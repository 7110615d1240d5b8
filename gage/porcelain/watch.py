"""gage watch: see a run go on that somebody started elsewhere, until it ends."""

import os
import sys
import time
from collections.abc import Sequence

from gage.cli import complain, shell_exit_code
from gage.errors import GageError, NotFoundError, StateError
from gage.filters import Filters
from gage.locks import is_held
from gage.porcelain.choosing import chosen, listed, select_one
from gage.porcelain.options import Place, Spec
from gage.row import Row
from gage.run import Run, open_run, read_fact, short_name
from gage.standing import ENDED, Standing
from gage.status import exit_note, run_status

_GRACE = 1.0
"""Seconds between the end of a command and whoever records it."""


def watch(place: Place, filters: Filters, spec: Spec = "") -> int:
    """Watch a run until it ends: the newest that is running, unless told otherwise."""
    from gage.porcelain.ending import write_ending
    from gage.porcelain.watching import watch_run

    if spec:
        row = select_one(place.home, listed(place.home, filters), spec)
    else:
        row = _going_on(chosen(place.home, [], filters))
    run = open_run(row.run_dir)
    sys.stdout.flush()
    try:
        watch_run(run, 1, _Over(run))
    except KeyboardInterrupt:
        if run_status(run) == "running":
            name = short_name(run)
            complain("gage watch", f"{name} goes on", f"gage runs stop {name}")
        raise
    write_ending(run, sys.stdout)
    return _code(run)


class _Over:
    """Whether *run* has ended, and nobody is about to record its end any more.

    A run of which a fact is damaged has nobody who would.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._exited: float | None = None

    def __call__(self, seconds: float, standings: Sequence[Standing]) -> bool:
        status = standings[0].status
        if status in ENDED or not os.path.isdir(self._run.meta_dir):
            return True
        if status not in ("exited", "unknown") or is_held(self._run, "runner"):
            self._exited = None
        elif self._exited is None:
            self._exited = time.monotonic()
        elif time.monotonic() - self._exited > _GRACE:
            return True
        time.sleep(seconds)
        return False


def _going_on(rows: list[Row]) -> Row:
    """The newest of *rows* that is running and no step of one that is, or the newest."""
    running = [row for row in rows if row.status == "running"]
    ids = {row.id for row in running}
    return next((row for row in running if row.parent not in ids), rows[0])


def _code(run: Run) -> int:
    """The exit code of *run*, as a shell has it. Raises StateError where nothing tells."""
    try:
        text = read_fact(run, "proc", "exit")
        code = exit_note(run) if text is None else int(text)
    except (GageError, OSError, ValueError):
        code = None
    if code is None:
        name = short_name(run)
        if not os.path.isdir(run.meta_dir):
            raise NotFoundError(f"{name}: deleted meanwhile", "gage runs -d lists what is deleted")
        raise StateError(f"{name}: nothing tells how it ended", f"gage-fsck {run}")
    return shell_exit_code(code)
