"""gage runs rm, restore and purge: into the trash, out of it, and gone."""

from collections.abc import Sequence

from gage.errors import NotFoundError
from gage.filters import Filters
from gage.porcelain.asking import DECLINED
from gage.porcelain.choosing import among, chosen, expect_said
from gage.porcelain.done import tell_done
from gage.porcelain.options import Limit, Place, Specs, Yes
from gage.porcelain.runs import is_agreed
from gage.row import Row
from gage.trash import delete_run, purge_run, restore_run, sweep, trash_rows
from gage.upstream import expect_idle_parent


def rm(
    place: Place, filters: Filters, specs: Specs = [], limit: Limit = None, yes: Yes = False
) -> int:
    """Delete runs; gage runs restore brings them back."""
    expect_said(specs, filters, limit)
    sweep(place.home)
    rows = chosen(place.home, specs, filters, limit)
    if not yes and not is_agreed("Delete", rows):
        return DECLINED
    for row in rows:
        if row.parent:
            expect_idle_parent(row.run)
        delete_run(row.run)
        tell_done("deleted", row)
    return 0


def restore(place: Place, filters: Filters, specs: Specs = [], limit: Limit = None) -> int:
    """Bring deleted runs back, as gage runs --deleted lists them."""
    expect_said(specs, filters, limit)
    for row in _deleted(place.home, specs, filters, limit):
        restore_run(row.run)
        tell_done("restored", row)
    return 0


def purge(
    place: Place, filters: Filters, specs: Specs = [], limit: Limit = None, yes: Yes = False
) -> int:
    """Remove deleted runs for good, as gage runs --deleted lists them."""
    expect_said(specs, filters, limit)
    rows = _deleted(place.home, specs, filters, limit)
    if not yes and not is_agreed("Remove for good", rows):
        return DECLINED
    for row in rows:
        purge_run(row.run)
        tell_done("purged", row)
    return 0


def _deleted(home: str, specs: Sequence[str], filters: Filters, limit: int | None) -> list[Row]:
    rows = filters._replace(limit=limit).apply(trash_rows(home))
    if not rows and not specs and filters == Filters():
        raise NotFoundError("nothing is deleted", "gage runs rm deletes runs")
    return among(rows, specs, filters)
