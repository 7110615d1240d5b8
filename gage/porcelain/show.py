"""gage show: everything about one run, for eyes."""

from collections.abc import Iterator

from gage.filters import Filters
from gage.json_text import json_text
from gage.porcelain.choosing import chosen_one
from gage.porcelain.colour import is_coloured, paint_status
from gage.porcelain.options import Json, Place, Spec
from gage.porcelain.run_facts import run_facts, sections, summary_lines
from gage.porcelain.table import table_lines


def show(place: Place, filters: Filters, spec: Spec = "", json: Json = False) -> int:
    """Show everything about a run: about the newest one, unless told otherwise."""
    row = chosen_one(place.home, spec, filters)
    facts = run_facts(row)
    if json:
        print(json_text(facts))
        return 0
    paint = {1: paint_status} if is_coloured() else None
    for line in table_lines(_columns(summary_lines(row, facts)), paint=paint):
        print(line)
    for title, columns in sections(row, facts):
        if columns[0]:
            print(f"\n{title}")
            # Steps and attempts have a column of statuses.
            at = {"steps": 3, "attempts": 4}.get(title)
            painted = {at: paint_status} if paint and at else None
            for line in table_lines(columns, paint=painted):
                print(f"  {line}")
    return 0


def _columns(summary: Iterator[tuple[str, str]]) -> list[list[str]]:
    pairs = [(name, text) for name, text in summary if text]
    return [[name for name, _ in pairs], [text for _, text in pairs]]
