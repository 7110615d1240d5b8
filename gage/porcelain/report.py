"""gage report: a page about runs, to be shown to others."""

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from gage import clock
from gage.attempts import attempts
from gage.cli import complain
from gage.comparison import compared, text_of
from gage.difference import Side, difference
from gage.durable import put, replaceable
from gage.errors import UsageError
from gage.filters import Filters
from gage.line_chart import Curve
from gage.markup import terminal_text
from gage.output import RUN, read_ends
from gage.porcelain.choosing import chosen_or_newest
from gage.porcelain.diff import difference_sections
from gage.porcelain.options import Limit, Place, Specs
from gage.porcelain.page import Change, Report, RunPart, Table, format_page
from gage.porcelain.run_facts import run_facts, sections, summary_lines
from gage.porcelain.runs import duration, moment, short_id
from gage.row import Row
from gage.run import run_meta_path
from gage.series import is_drawable, read_series

Output = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="the page")]

OUTPUT_LIMIT = 64 << 10
"""Bytes of output that are shown of a run, from both of its ends."""

DIFF_LIMIT = 64 << 10
"""Characters of a difference in source code that are shown."""

NOT_TOLD = ("operation", "status", "run dir", "project")
"""What stands in the head already, and what is of no use elsewhere: paths of this machine."""

PROG = "gage report"


def report(
    place: Place, filters: Filters, specs: Specs = [], limit: Limit = None, output: Output = "-"
) -> int:
    """Write a page about runs: about the newest one, unless told otherwise."""
    if output == "-" and sys.stdout.isatty():
        raise UsageError("a page is nothing for a terminal", "-o report.html writes a file")
    rows = chosen_or_newest(place.home, specs, filters, limit)
    if not specs:
        rows = rows[::-1]
    hint = "-o - writes to the standard output"
    path = "" if output == "-" else replaceable(output, hint)
    data = format_page(_report(rows)).encode()
    if path:
        put(os.path.dirname(path), path, data, mode=0o666)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return 0


def _report(rows: Sequence[Row]) -> Report:
    columns = [column for column in compared(rows) if column.name != "status"]
    heads = ["run", "status", "started", "duration", *(column.name for column in columns)]
    summary = [
        [row.status, moment(row.start), duration(row.duration)]
        + [text_of(column.values[number]) for column in columns]
        for number, row in enumerate(rows)
    ]
    return Report(
        title=_title(rows),
        made=f"Made on {moment(clock.now())[:16]} from {os.path.basename(os.getcwd())}",
        heads=heads,
        summary=summary,
        charts=_charts(rows),
        runs=[_part(row, rows[0]) for row in rows],
    )


def _title(rows: Sequence[Row]) -> str:
    operations = list(dict.fromkeys(row.operation or "unknown" for row in rows))
    named = ", ".join(operations[:3]) + (" …" if len(operations) > 3 else "")
    return f"{named} {short_id(rows[0])}" if len(rows) == 1 else f"{named}: {len(rows)} runs"


def _charts(rows: Sequence[Row]) -> dict[str, list[Curve]]:
    """The curves of each metric that a run has more than one value of."""
    charts: dict[str, list[Curve]] = {}
    # Also of runs that have no final value, as those that failed.
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    for number, row in enumerate(rows):
        found = read_series(row.run, names)
        for line in found.complaints:
            complain(PROG, f"{short_id(row)}: {line}")
        for name, series in found.series.items():
            points = [(p.step, p.value) for p in series.points if is_drawable(p.value)]
            if points:
                label = f"{short_id(row)} {row.label or row.settings}".strip()
                charts.setdefault(name, []).append(Curve(label, number, points))
    return {
        name: curves
        for name, curves in charts.items()
        if any(len(curve.points) > 1 for curve in curves)
    }


def _part(row: Row, first: Row) -> RunPart:
    facts = run_facts(row)
    start, end, left_out = _output(row)
    output = terminal_text(start) + (f"\n\n… {left_out:,} bytes …\n\n" if left_out else "")
    output += terminal_text(end)
    note = f"{left_out:,} bytes in the middle are left out." if left_out else ""
    return RunPart(
        anchor=f"run-{row.id or row.name}",
        name=short_id(row),
        operation=row.operation,
        status=row.status,
        said=row.label or row.settings,
        tables=list(_tables(row, facts)),
        output=output,
        output_note=note if output else "It wrote nothing.",
        change=None if row == first else _change(first, row),
    )


def _tables(row: Row, facts: dict[str, Any]) -> Iterator[tuple[str, Table]]:
    told = [(name, text) for name, text in summary_lines(row, facts) if name not in NOT_TOLD]
    yield "run", [[name, text] for name, text in told if text]
    for title, columns in sections(row, facts):
        if columns[0] and title != "log":
            yield title, [list(cells) for cells in zip(*columns, strict=True)]


def _change(first: Row, row: Row) -> Change:
    a, b = (Side(r.run, attempts(r.run)[-1]) for r in (first, row))
    found = difference(a, b)
    diff = str(found.pop("diff", "")).rstrip("\n")
    if len(diff) > DIFF_LIMIT:
        left_out = len(diff) - DIFF_LIMIT
        diff = f"{diff[:DIFF_LIMIT]}\n… {left_out:,} characters are left out …"
    names = short_id(first), short_id(row)
    of_run: list[list[str]] = []
    tables: list[tuple[str, Table]] = [("run", of_run)]
    for title, rows in difference_sections(found):
        if title in ("operation", "exit", "command"):
            of_run += [[title, *pair] for pair in rows]
        elif title == "files":
            tables.append((title, [_named(cells, names) for cells in rows]))
        elif title == "output" and rows:
            tables.append((title, [[f"{rows[0][0]}, {rows[0][1]}", rows[0][2]]]))
        else:
            tables.append((title, rows))
    return Change([(title, rows) for title, rows in tables if rows], diff)


def _named(cells: Sequence[str], names: tuple[str, str]) -> list[str]:
    """The *cells* that tell of a file, with the runs by their *names* and not as a and b."""
    *others, change = cells
    only = {"only in a": f"only in {names[0]}", "only in b": f"only in {names[1]}"}
    return [*others, only.get(change, change)]


def _output(row: Row) -> tuple[bytes, bytes, int]:
    """The first and the last lines of the output, and how many bytes are between them."""
    try:
        return read_ends(run_meta_path(row.run, "output", RUN), OUTPUT_LIMIT)
    except OSError as error:
        complain(PROG, f"{short_id(row)}: output: {error.strerror}")
        return b"", b"", 0
