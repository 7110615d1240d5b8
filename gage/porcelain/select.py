"""gage select: the IDs, or the run dirs, of the runs that a person means."""

from typing import Annotated

import typer

from gage.cli import print_records
from gage.filters import Filters
from gage.json_text import json_text
from gage.porcelain.choosing import chosen
from gage.porcelain.options import Json, Limit, Nul, Place, Specs
from gage.porcelain.runs import facts_for_people

Dir = Annotated[bool, typer.Option("--dir", "--path", help="print the run dir instead")]


def select(
    place: Place,
    filters: Filters,
    specs: Specs = [],
    limit: Limit = None,
    dir: Dir = False,
    json: Json = False,
    nul: Nul = False,
) -> int:
    """Print the ID of a run: of the newest that the options let through, unless RUN is said."""
    rows = chosen(place.home, specs, filters, limit)
    if not specs and limit is None:
        rows = rows[:1]
    if json:
        print_records((json_text(facts_for_people(row)) for row in rows), nul=nul)
        return 0
    print_records((row.run_dir if dir else row.id or row.name for row in rows), nul=nul)
    return 0
