"""The runs that a person means, by filters and by what was typed.

Filters come first: a number counts what they leave, as ``gage runs`` lists it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from gage.errors import NotFoundError, UsageError
from gage.filters import Filters
from gage.listing import read_rows
from gage.row import Row
from gage.run import RUN_ID, SHORT_ID
from gage.selecting import LEAST_DIGITS, UnknownRunError, select_run, select_runs


def listed(home: str, filters: Filters, limit: int | None = None) -> list[Row]:
    """The runs that *filters* let through, newest first, and at most *limit* of them."""
    return filters._replace(limit=limit).apply(read_rows(home))


def chosen(
    home: str, specs: Sequence[str], filters: Filters, limit: int | None = None
) -> list[Row]:
    """The runs among those listed that *specs* name, or all of them without specs.

    Raises NotFoundError where a spec names none, or there is none at all; UsageError where
    *limit* leaves none.
    """
    if limit == 0:
        raise UsageError("-n 0 leaves no run", "leave it away, or -n 1 for the newest")
    rows = listed(home, filters, limit)
    if not rows and not specs:
        expect_met(home, filters)
    return among(rows, specs, filters, home)


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
    return select_one(home, rows, spec) if spec else among(rows, [], filters)[0]


def select_one(home: str, rows: Sequence[Row], spec: str) -> Row:
    """As ``select_run``, but a run of *home* that was deleted is said to be."""
    with _telling_of_deleted(home):
        return select_run(rows, spec)


def among(
    rows: list[Row], specs: Sequence[str], filters: Filters, home: str | None = None
) -> list[Row]:
    """Those of the listing *rows* that *specs* name, or all. Raises NotFoundError for none.

    Where they are the runs of *home*, it says so if one was deleted.
    """
    if specs:
        with _telling_of_deleted(home):
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


@contextmanager
def _telling_of_deleted(home: str | None) -> Iterator[None]:
    try:
        yield
    except UnknownRunError as error:
        # The trash is not looked into before something is missing.
        hint = _deleted(home, error.spec) if home else ""
        if not hint:
            raise
        raise NotFoundError(error.message, hint) from None


def _deleted(home: str, spec: str) -> str:
    """A hint where *spec* is what a run in the trash of *home* is called by."""
    from gage.trash import names_in_trash

    names: set[str] = set()
    with suppress(OSError):
        names = names_in_trash(home)
    long = len(spec) >= LEAST_DIGITS
    found = [n for n in names if n == spec or (long and n.startswith(spec.lower()))]
    if len(found) > 1:
        return "these are deleted: gage runs -d lists them"
    if not found:
        return ""
    name = found[0][: max(SHORT_ID, len(spec))] if RUN_ID.fullmatch(found[0]) else found[0]
    return f"it is deleted: gage runs restore {name}"
