"""gage runs stop: end what is running, cleanly, so that it can be restarted."""

import os
import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from gage.cli import complain
from gage.durable import sync_policy
from gage.errors import GageError, StateError
from gage.filters import Filters
from gage.porcelain.asking import DECLINED, is_possible
from gage.porcelain.choosing import chosen, expect_said
from gage.porcelain.options import Limit, Place, Specs, Yes
from gage.porcelain.runs import is_agreed
from gage.porcelain.verbs import finalize_run
from gage.row import Row
from gage.run import Run
from gage.stopping import ask_to_stop, is_at_work, wait_stopped

PROG = "gage runs stop"

NoWait = Annotated[bool, typer.Option("--no-wait", help="do not wait until they have ended")]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0, help="wait so long for them")
]


def stop(
    place: Place,
    filters: Filters,
    specs: Specs = [],
    limit: Limit = None,
    yes: Yes = False,
    no_wait: NoWait = False,
    timeout: Timeout = 30,
) -> int:
    """Stop running runs; gage restart takes them up again."""
    expect_said(specs, filters, limit)
    rows = _whole(chosen(place.home, specs, filters, limit))
    if not specs:
        rows = [row for row in rows if is_at_work(row.run)]
        if not rows:
            raise StateError("none of these runs is running")
    if is_possible() and not yes and not is_agreed("Stop", rows):
        return DECLINED
    troubles: list[GageError] = []
    asked = [row.run for row in rows if not _failed(troubles, partial(ask_to_stop, row.run))]
    wait = partial(wait_stopped, finalize=_finalize, seconds=timeout, asked=time.monotonic())
    for run in asked if not no_wait else ():
        _failed(troubles, partial(wait, run))
    return troubles[0].exit_code if troubles else 0


def _whole(rows: Sequence[Row]) -> list[Row]:
    """*rows* without the steps of pipelines among them, which end with their pipeline."""
    by_id = {row.id: row for row in rows}

    def is_within(row: Row) -> bool:
        return row.parent in by_id and row.parent != row.id

    return [row for row in rows if not is_within(row)]


def _failed(troubles: list[GageError], work: "partial[None]") -> bool:
    """Whether *work* fails; then it is said, and the other runs have their turn."""
    try:
        work()
    except GageError as error:
        complain(PROG, error.message, error.hint)
        troubles.append(error)
        return True
    return False


def _finalize(run: Run) -> None:
    run = run._replace(sync=sync_policy(os.environ))
    finalize_run(run, tell=partial(complain, PROG))
