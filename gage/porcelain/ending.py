"""How a run ended, as lines that stay: all its steps, why it failed, what to do about it."""

import os
from collections.abc import Iterator, Sequence
from typing import TextIO

from gage import clock
from gage.porcelain.colour import is_coloured
from gage.porcelain.frame import name_of, picture
from gage.porcelain.watching import marks
from gage.porcelain.window import window_size
from gage.run import Run, short_name
from gage.shown import shown_line
from gage.standing import Observer, Standing
from gage.tail import last_lines

LINES = 10
"""So many of the last lines of a step that failed are shown."""

_STEPS = 3
_ROOM = 200


def write_ending(run: Run, to: TextIO) -> None:
    """Write how *run* ended, as wide as the terminal that *to* is, if it is one."""
    width = window_size(to.fileno())[1] if to.isatty() else None
    for line in ending_lines(run, width=width, coloured=is_coloured(to)):
        to.write(line + "\n")
    to.flush()


def ending_lines(run: Run, *, width: int | None = None, coloured: bool = False) -> Iterator[str]:
    """All that is to be said of *run* when it has ended."""
    standings = Observer(run).look()
    yield from picture(standings, clock.now(), marks=marks(), width=width, coloured=coloured)
    if standings[0].status == "completed" or not os.path.isdir(run.meta_dir):
        return
    failed = _failed(standings)
    told = _complaints(run) if standings[0].has_steps else []
    for standing in failed[:_STEPS]:
        yield ""
        yield from _last_words(standing)
    if len(failed) > _STEPS:
        yield f"and {len(failed) - _STEPS} more failed"
    if not failed and not told:
        yield ""
        yield from _last_words(standings[0])
    if told:
        yield ""
        yield from told
    if standings[0].status == "unknown":
        return  # nobody can restart what is damaged
    needed = " --needed" if standings[0].has_steps else ""
    yield f"hint: gage restart {shown_line(short_name(run))}{needed}"


def _failed(standings: Sequence[Standing]) -> list[Standing]:
    return [
        standing
        for standing in standings
        if standing.path
        and not standing.has_steps
        and not standing.is_earlier
        and standing.status in ("error", "terminated")
        and not standing.is_expected
    ]


def _last_words(standing: Standing) -> Iterator[str]:
    assert standing.run is not None
    name = shown_line(name_of(standing))
    id = f" ({shown_line(short_name(standing.run))})" if standing.path else ""
    lines = last_lines(standing.run, LINES)
    yield f"the last lines of {name}{id}:" if lines else f"{name}{id} wrote nothing"
    yield from (f"  {shown_line(line)}" for line in lines)


def _complaints(run: Run) -> list[str]:
    """What gage itself had to say about steps, which no step has in its output."""
    own = ("ERROR: [gage] ", "gage-run-steps: ", "gage-exec: ")
    lines = last_lines(run, _ROOM)
    return [shown_line(line) for line in lines if line.startswith(own)][-LINES:]
