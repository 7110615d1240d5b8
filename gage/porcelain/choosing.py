"""The runs that a person means, by filters and by what was typed.

Filters come first: a number counts what they leave, as ``gage runs`` lists it.
"""

from collections.abc import Sequence

from gage.errors import NotFoundError, UsageError
from gage.filters import Filters
from gage.listing import Row, read_rows
from gage.selecting import select_run, select_runs


def listed(home: str, filters: Filters, limit: int | None = None) -> list[Row]:
    """The runs that *filters* let through, newest first, and at most *limit* of them."""
    return filters._replace(limit=limit).apply(read_rows(home))


def chosen(
    home: str, specs: Sequence[str], filters: Filters, limit: int | None = None
) -> list[Row]:
    """The runs among those listed that *specs* name, or all of them without specs.

    Raises NotFoundError where a spec names none, or there is none at all.
    """
    return among(listed(home, filters, limit), specs, filters)


def chosen_or_newest(
    home: str, specs: Sequence[str], filters: Filters, limit: int | None = None
) -> list[Row]:
    """As ``chosen``, but only the newest run where nothing at all was said."""
    rows = chosen(home, specs, filters, limit)
    return rows if is_said(specs, filters, limit) else rows[:1]


def chosen_one(home: str, spec: str, filters: Filters) -> Row:
    """The one run that *spec* names among those listed, or the newest of them without it."""
    rows = listed(home, filters)
    return select_run(rows, spec) if spec else among(rows, [], filters)[0]


def among(rows: list[Row], specs: Sequence[str], filters: Filters) -> list[Row]:
    """Those of the listing *rows* that *specs* name, or all. Raises NotFoundError for none."""
    if specs:
        return select_runs(rows, specs)
    if not rows and filters == Filters():
        raise NotFoundError("there are no runs here", "gage run makes one; -C works elsewhere")
    if not rows:
        raise NotFoundError("there is no such run", "gage runs lists them all")
    return rows


def is_said(specs: Sequence[str], filters: Filters, limit: int | None) -> bool:
    """Whether anything says which runs are meant."""
    return bool(specs) or limit is not None or filters != Filters()


def expect_said(specs: Sequence[str], filters: Filters, limit: int | None) -> None:
    """Raise UsageError where nothing says which runs are meant."""
    if not is_said(specs, filters, limit):
        raise UsageError("which runs?", "name them, or choose them by -Fo, -Fs, --started, …")
