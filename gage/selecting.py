"""Specs: the short ways in which people name runs.

In this order, the first that fits is meant:

    PATH          a run dir; anything with a slash
    @  @{N}  @~N  the newest run; the Nth before it
    OP@  OP@{N}   the same among the runs of an operation, and OP@~N
    N  N-M        a number of the listing, 1 for the newest; less than six digits, none
                  of them a leading zero, and no more than there are runs
    NAME          the name of a run dir
    ID            a whole ID
    OP            the newest run of an operation, by its full name or the last part of it
    PREFIX        the first digits of one ID
"""

import os
import re
from collections.abc import Sequence

from gage.errors import NotFoundError, UsageError
from gage.fields import operation_names
from gage.row import Row, read_row
from gage.run import open_run

MOST_CANDIDATES = 10
CANDIDATE_DIGITS = 12
LEAST_DIGITS = 4

_AT = re.compile(r"(?P<operation>.*)@(?:\{(?P<back>\d{1,6})\}|~(?P<before>\d{0,6}))?", re.DOTALL)
_NUMBERS = re.compile(r"([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?")


class UnknownRunError(NotFoundError):
    """Nothing in the listing is called *spec*."""

    def __init__(self, message: str, hint: str = "", spec: str = "") -> None:
        super().__init__(message, hint)
        self.spec = spec


def select_runs(rows: Sequence[Row], specs: Sequence[str]) -> list[Row]:
    """The runs of the listing *rows* that *specs* name, each once, in the order named.

    A path names a run outside of the listing too. Raises NotFoundError for a spec that
    names no run, or more than one; UsageError for an empty one.
    """
    found = [row for spec in specs for row in _select(rows, spec)]
    return list({os.path.realpath(row.run_dir): row for row in found}.values())


def select_run(rows: Sequence[Row], spec: str) -> Row:
    """The one run that *spec* names. Raises NotFoundError, UsageError for a range."""
    found = _select(rows, spec)
    if len(found) > 1:
        raise UsageError(f"{spec}: one run is wanted here, not {len(found)}")
    return found[0]


def is_path(spec: str) -> bool:
    """Whether *spec* names a run by its path."""
    return "/" in spec or spec in (".", "..")


def _select(rows: Sequence[Row], spec: str) -> list[Row]:
    if not spec:
        raise UsageError("an empty text names no run", "1 is the newest run of the listing")
    if is_path(spec):
        return [_at_path(spec)]
    if match := _AT.fullmatch(spec):
        back = match["back"] or ("0" if match["before"] is None else match["before"] or "1")
        return [_back(rows, spec, match["operation"], int(back))]
    if match := _NUMBERS.fullmatch(spec):
        first, last = int(match[1]), int(match[2] or match[1])
        if match[2] and not first <= last <= len(rows):
            raise NotFoundError(f"{spec}: no such runs in a listing of {len(rows)}")
        if last <= len(rows):
            return list(rows[first - 1 : last])
    digits = spec.lower()
    exact = [row for row in rows if row.name == spec] or [row for row in rows if row.id == digits]
    if exact:
        return [_only(exact, spec, "are called so")]
    if named := [row for row in rows if spec in operation_names(row)]:
        return named[:1]
    if begin := [row for row in rows if (row.id or row.name).startswith(digits)]:
        return [_only(begin, spec, "begin so")]
    raise UnknownRunError(f"{spec}: no such run", _nearest(rows, spec), spec)


def _at_path(path: str) -> Row:
    # A step of a pipeline is a link to its run dir, and its facts are beside that.
    if os.path.islink(path) and not os.path.isdir(path + ".meta"):
        path = os.path.realpath(path)
    run = open_run(path)
    return read_row(run.home, run.name)


def _back(rows: Sequence[Row], spec: str, operation: str, count: int) -> Row:
    found = [row for row in rows if not operation or operation in operation_names(row)]
    if count < len(found):
        return found[count]
    what = f"run{'s' * (len(found) != 1)}{' of ' * bool(operation)}{operation}"
    are = "is" if len(found) == 1 else "are"
    hint = "" if found else _nearest_operation(rows, operation)
    raise NotFoundError(f"{spec}: no such run: there {are} {len(found)} {what}", hint)


def _only(rows: Sequence[Row], spec: str, trouble: str) -> Row:
    if len(rows) == 1:
        return rows[0]
    lines = [_candidate(row) for row in rows[:MOST_CANDIDATES]]
    if len(rows) > MOST_CANDIDATES:
        lines.append(f"and {len(rows) - MOST_CANDIDATES} more")
    message = f"{spec}: {len(rows)} runs {trouble}:"
    raise NotFoundError("\n  ".join([message, *lines]), "write more of the ID")


def _candidate(row: Row) -> str:
    name = row.id or row.name
    settings = row.label or row.settings
    return "  ".join(filter(None, (name[:CANDIDATE_DIGITS], row.operation, row.status, settings)))


def _nearest(rows: Sequence[Row], spec: str) -> str:
    from gage.nearest import nearest

    if not rows:
        return "there are no runs to choose from"
    names = dict.fromkeys(name for row in rows for name in (*operation_names(row), row.name))
    near = nearest(spec, names)
    if not near and len(spec) >= LEAST_DIGITS and set(spec.lower()) <= set("0123456789abcdef"):
        # One digit of an ID may be wrong, too; what is told is as long as what was written.
        near = nearest(spec, dict.fromkeys(row.id[: len(spec)] for row in rows if row.id))
    return f"did you mean {' or '.join(near)}?" if near else ""


def _nearest_operation(rows: Sequence[Row], operation: str) -> str:
    from gage.nearest import did_you_mean

    return did_you_mean(operation, dict.fromkeys(n for row in rows for n in operation_names(row)))
