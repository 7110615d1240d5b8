"""gage runs: a list of runs, the newest first."""

import gc
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from gage.cli import complain, print_records
from gage.clock import iso
from gage.fields import TIMES, row_facts
from gage.filters import Filters
from gage.json_text import json_text
from gage.porcelain.asking import confirm
from gage.porcelain.choosing import listed, missing
from gage.porcelain.colour import is_coloured, paint_status
from gage.porcelain.options import Json, Limit, Nul, Place
from gage.porcelain.table import table_lines
from gage.porcelain.window import terminal_width
from gage.row import Row
from gage.run import SHORT_ID

Simple = Annotated[bool, typer.Option("-s", "--simple", help="number, operation, status, label")]
Deleted = Annotated[bool, typer.Option("-d", "--deleted", help="list deleted runs instead")]


DATED_FROM = 60
"""On a narrower terminal the date would leave no room for what tells runs apart."""


def list_runs(
    place: Place,
    filters: Filters,
    limit: Limit = None,
    simple: Simple = False,
    deleted: Deleted = False,
    json: Json = False,
    nul: Nul = False,
) -> int:
    """List runs, the newest first."""
    # Ten thousand rows are no garbage, and being looked through for it costs a fifth.
    gc.disable()
    if deleted:
        from gage.trash import trash_rows

        rows = filters._replace(limit=limit).apply(trash_rows(place.home))
    else:
        rows = listed(place.home, filters, limit)
    if not (rows or deleted or json or nul):
        for message, hint in missing(place.home, filters):
            complain("gage runs", message, hint)
    if json:
        print_records((json_text(facts_for_people(row)) for row in rows), nul=nul)
    else:
        lines = run_lines(rows, simple=simple, width=terminal_width(), coloured=is_coloured())
        # In one piece: ten thousand writes to a stream take as long as the lines.
        sys.stdout.write("".join([line + ("\0" if nul else "\n") for line in lines]))
    return 0


def run_lines(
    rows: Sequence[Row],
    *,
    numbers: Iterable[int] | None = None,
    simple: bool = False,
    width: int | None = None,
    coloured: bool = False,
) -> Iterable[str]:
    """A line for each of *rows*, cut to *width*; a narrow one has no date."""
    columns: list[list[str]] = [
        [f"[{number}]" for number in numbers or range(1, len(rows) + 1)],
        [row.operation for row in rows],
        [row.status for row in rows],
        [row.label or row.settings for row in rows],
    ]
    if not simple:
        columns.insert(1, [short_id(row) for row in rows])
    if not simple and (width is None or width >= DATED_FROM):
        columns.insert(3, [moment(row.start) for row in rows])
    paint = {len(columns) - 2: paint_status} if coloured else None
    return table_lines(columns, width=width, paint=paint)


def is_agreed(what: str, rows: Sequence[Row]) -> bool:
    """Whether a person agrees, having seen *rows*, that *what* is done to them."""
    these = "this run" if len(rows) == 1 else f"these {len(rows)} runs"
    return confirm(f"{what} {these}?", about=run_lines(rows, width=terminal_width()))


def facts_for_people(row: Row) -> dict[str, Any]:
    """What a listing knows about a run, under the names of the facts, times as ISO 8601."""
    facts = row_facts(row)
    return facts | {name: iso(facts[name]) for name in TIMES if facts.get(name) is not None}


def short_id(row: Row) -> str:
    """What a person types for the run: the start of its ID, or the name of its run dir."""
    return row.id[:SHORT_ID] if row.name == row.id else row.name


def moment(stamp: int | None) -> str:
    """A time stamp for eyes, in local time: ``2026-11-21 10:00:00``."""
    if not stamp:
        return ""
    try:
        return str(datetime.fromtimestamp(stamp // 1_000_000))
    except (ValueError, OverflowError, OSError):
        return str(stamp)


def moment_of(time: str) -> str:
    """A time as ISO 8601 has it, for eyes as ``moment``; what is none, as it is."""
    try:
        return str(datetime.fromisoformat(time).astimezone().replace(microsecond=0, tzinfo=None))
    except (ValueError, OverflowError):
        return time


def duration(micros: int | None) -> str:
    """A length of time for eyes: ``230 ms``, ``2.1 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if micros is None:
        return ""
    # Rounded first: no second has 1000 ms, and no minute 60.0 s.
    micros = max(micros, 0)
    millis, tenths = round(micros / 1000), round(micros / 100_000)
    if millis < 1000:
        return f"{millis} ms"
    if tenths < 600:
        return f"{tenths / 10:.1f} s"
    minutes, left = divmod(tenths // 10, 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60} h {minutes % 60} min"
