"""The runs that a person means, by filters and by what was typed.

Filters come first: a number counts what they leave, as ``gage runs`` lists it.
"""

from collections.abc import Iterable, Sequence

from gage.errors import NotFoundError, UsageError
from gage.filters import Filters
from gage.listing import read_rows
from gage.row import Row
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
    rows = listed(home, filters, limit)
    if not rows and not specs:
        expect_met(home, filters)
    return among(rows, specs, filters)


def chosen_or_newest(
    home: str, specs: Sequence[str], filters: Filters, limit: int | None = None
) -> list[Row]:
    """As ``chosen``, but only the newest run where nothing at all was said."""
    rows = chosen(home, specs, filters, limit)
    return rows if is_said(specs, filters, limit) else rows[:1]


def chosen_one(home: str, spec: str, filters: Filters) -> Row:
    """The one run that *spec* names among those listed, or the newest of them without it."""
    rows = listed(home, filters)
    if not rows and not spec:
        expect_met(home, filters)
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


def expect_met(home: str, filters: Filters) -> None:
    """Raise NotFoundError where *filters* ask for what no run in *home* has."""
    for message, hint in missing(home, filters):
        raise NotFoundError(message, hint or "gage runs lists them all")


def missing(home: str, filters: Filters) -> Iterable[tuple[str, str]]:
    """What *filters* ask for that no run in *home* has, and what may have been meant."""
    from gage.unmet import unmet

    return unmet(filters, read_rows(home)) if filters != Filters() else ()


def is_said(specs: Sequence[str], filters: Filters, limit: int | None) -> bool:
    """Whether anything says which runs are meant."""
    return bool(specs) or limit is not None or filters != Filters()


def expect_said(specs: Sequence[str], filters: Filters, limit: int | None) -> None:
    """Raise UsageError where nothing says which runs are meant."""
    if not is_said(specs, filters, limit):
        raise UsageError("which runs?", "name them, or choose them by -Fo, -Fs, --started, …")
