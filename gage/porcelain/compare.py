"""gage compare: runs in a table of the flags and metrics in which they differ."""

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from gage.cli import complain, print_records
from gage.clock import iso
from gage.comparison import Column, compared, expect_field, named_columns, text_of
from gage.errors import UsageError
from gage.fields import TIMES, Values, sort_rows
from gage.filters import Filters
from gage.json_text import json_text
from gage.porcelain.choosing import among, listed, missing
from gage.porcelain.colour import is_coloured, paint_status
from gage.porcelain.options import Json, Limit, Nul, Place, Specs
from gage.porcelain.runs import moment, short_id
from gage.porcelain.table import GAP, cut, display_width, table_lines
from gage.porcelain.window import terminal_width
from gage.row import Row
from gage.shown import shown_line

All = Annotated[bool, typer.Option("--all", help="show what is the same in all runs, too")]
Columns = Annotated[
    list[str], typer.Option("-c", "--columns", metavar="FIELD,...", help="show these fields")
]
Csv = Annotated[bool, typer.Option("--csv", help="print comma-separated values")]
Sort = Annotated[list[str], typer.Option("--sort", metavar="KEY", help="sort by it; -KEY turns")]

PROG = "gage compare"

_NARROWEST = 9  # so that every status but one is whole
_LISTS = ("tags", "given", "flags")


def compare(
    place: Place,
    filters: Filters,
    specs: Specs = [],
    limit: Limit = None,
    columns: Columns = [],
    everything: All = False,
    sort: Sort = [],
    csv: Csv = False,
    json: Json = False,
    nul: Nul = False,
) -> int:
    """Compare runs in a table of the flags and metrics in which they differ."""
    if csv and json:
        raise UsageError("--csv and --json: one of them")
    every = listed(place.home, filters, limit)
    numbers = {row.run_dir: f"[{number}]" for number, row in enumerate(every, 1)}
    rows = among(every, specs, filters, place.home) if specs else every
    if not (rows or csv or json):
        for message, hint in missing(place.home, filters):
            complain(PROG, message, hint)
    for key in sort:
        expect_field(rows, key.removeprefix("-"))
    rows = sort_rows(rows, sort)
    names = [name.strip() for text in columns for name in text.split(",") if name.strip()]
    found = named_columns(rows, names) if names else compared(rows, everything=everything)
    if json:
        print_records((json_text(_facts(i, row, found)) for i, row in enumerate(rows)), nul=nul)
    elif csv:
        _print_csv(rows, found, "\0" if nul else "\n")
    elif rows:
        end = "\0" if nul else "\n"
        for line in _lines(rows, found, numbers):
            print(line, end=end)
    return 0


def _facts(number: int, row: Row, columns: Sequence[Column]) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": row.id, "run_dir": row.run_dir}
    for column in columns:
        values = column.values[number]
        if column.name in _LISTS:
            facts[column.name] = list(values)
        elif values:
            facts[column.name] = values[0]
            if column.name in TIMES:
                facts[column.name] = iso(int(values[0] or 0))
    return facts


def _print_csv(rows: Sequence[Row], columns: Sequence[Column], end: str) -> None:
    import csv

    shown = shown_line if sys.stdout.isatty() else str
    writer = csv.writer(sys.stdout, lineterminator=end)
    writer.writerow(["id", *(shown(column.name) for column in columns)])
    for number, row in enumerate(rows):
        cells = [_text(column.name, column.values[number]) for column in columns]
        writer.writerow([row.id or shown(row.name), *map(shown, cells)])


def _lines(rows: Sequence[Row], columns: Sequence[Column], numbers: dict[str, str]) -> list[str]:
    width = terminal_width()
    table = [
        ["", *(numbers.get(row.run_dir, "") for row in rows)],
        ["id", *(short_id(row) for row in rows)],
    ]
    for column in columns:
        of = _short if column.is_metric and width is not None else _text
        table.append([column.name, *(of(column.name, values) for values in column.values)])
    if width is not None:
        table = list(_fitted(table, width))
        if hidden := [column.name for column in columns[max(len(table) - 2, 0) :]]:
            complain(PROG, f"too narrow for {', '.join(hidden)}", "-c chooses columns")
    paint = {}
    if is_coloured():
        paint = {i: paint_status for i, c in enumerate(columns, 2) if c.name == "status"}
    lines = list(table_lines(table, width=width, paint=paint))
    if not lines:
        return []  # not even the numbers of the runs fit
    head, *lines = lines
    return [f"\033[1m{head}\033[0m" if is_coloured() else head, *lines]


def _text(name: str, values: Values) -> str:
    if name in TIMES:
        return "".join(moment(int(value or 0)) for value in values)
    return text_of(values)


def _short(name: str, values: Values) -> str:
    """As ``_text``, with no more digits than eyes compare."""
    rounded = [float(f"{v:.6g}") if isinstance(v, float) else v for v in values]
    return _text(name, tuple(rounded))


def _fitted(table: Sequence[Sequence[str]], width: int) -> Iterator[list[str]]:
    """*table* with its widest columns narrowed until its lines fit, or those that then do."""
    table = [[shown_line(text) for text in column] for column in table]
    widths = [max(map(display_width, column)) for column in table]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(widths)
        if widest <= _NARROWEST:
            break
        widths[widths.index(widest)] -= 1
    for column, most in zip(table, widths, strict=True):
        if most > width:
            return
        width -= most + len(GAP)
        yield [cut(text, most) for text in column]
