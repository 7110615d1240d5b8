"""What filters ask for that no run has: most likely it was written otherwise than it is.

A listing in which nothing is left says so; it is no error, since a run may yet come.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gage.fields import ALIASES, FACTS, field, operation_names
from gage.filters import Filters, filter_fields, filter_values
from gage.nearest import nearest
from gage.row import Row
from gage.series import hint_of_printed

_OPERATION = ("operation", *(name for name, fact in ALIASES.items() if fact == "operation"))


class Unmet(NamedTuple):
    """That no run has what was asked for, and what may have been meant."""

    message: str
    hint: str


def unmet(filters: Filters, rows: Sequence[Row]) -> Iterator[Unmet]:
    """What *filters* ask for that none of *rows*, which are all runs, has."""
    if not rows:
        return
    for text in filters.expressions:
        for name in filter_fields(text):
            if name not in FACTS and name not in ALIASES and not any(map(field(name), rows)):
                found = _unmet(f"no run here has a value {name}", name, _fields(rows))
                yield found._replace(hint=hint_of_printed(rows, name) or found.hint)
    operations = dict.fromkeys(name for row in rows for name in operation_names(row))
    for text in filters.expressions:
        for names in filter_values(text, _OPERATION):
            if not any(name in operations for name in names):
                yield from (_unmet(f"no run here is of {name}", name, operations) for name in names)
    labels = dict.fromkeys(row.label for row in rows if row.label)
    tags = dict.fromkeys(tag for row in rows for tag in row.tags)
    for wanted, known, what in (
        (filters.operations, operations, "is of"),
        (filters.labels, labels, "has the label"),
        (filters.tags, tags, "has the tag"),
    ):
        if not any(name in known for name in wanted):
            yield from (_unmet(f"no run here {what} {name}", name, known) for name in wanted)


def _fields(rows: Sequence[Row]) -> dict[str, None]:
    values = (name for row in rows for name in (*row.config, *row.metrics, *row.attributes))
    return dict.fromkeys([*FACTS, *values])


def _unmet(message: str, name: str, known: dict[str, None]) -> Unmet:
    near = nearest(name, known)
    return Unmet(message, f"did you mean {' or '.join(near)}?" if near else "")
