"""A comparison: runs as lines, and the fields in which they differ as columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gage.errors import NotFoundError
from gage.fields import ALIASES, FACTS, Values, field
from gage.row import Row
from gage.scalar import Scalar, format_value

HEADS = ("operation", "status", "label")
"""The facts that are compared before the values."""

_GROUPS = ("config", "metrics", "attributes")


class Column(NamedTuple):
    """A field under its name, and what each run has there: nothing, a value, or several."""

    name: str
    values: list[Values]
    is_metric: bool = False


def compared(rows: Sequence[Row], *, everything: bool = False) -> list[Column]:
    """The columns in which *rows* differ, or with *everything* all that they have.

    One run alone differs from nothing, and so has all that it has.
    """
    columns = [_column(name, rows) for name in [*HEADS, *_value_names(rows)]]
    if everything or len(rows) < 2:
        return [column for column in columns if any(_plain(v) for v in column.values)]
    return [column for column in columns if len(set(map(repr, column.values))) > 1]


def named_columns(rows: Sequence[Row], names: Iterable[str]) -> list[Column]:
    """The columns of these *names*. Raises NotFoundError for one that no run has."""
    columns = [_column(name, rows) for name in names]
    for column in columns:
        expect_field(rows, column.name)
    return columns


def expect_field(rows: Sequence[Row], name: str) -> None:
    """Raise NotFoundError where *name* is no fact and no value of any of *rows*."""
    known = [*FACTS, *ALIASES]
    if not rows or name in known or any(field(name)(row) for row in rows):
        return
    values = _value_names(rows)
    if name in values or any(name in _group(row, group) for row in rows for group in _GROUPS):
        return  # it has the value null
    from difflib import get_close_matches

    from gage.series import hint_of_printed

    near = get_close_matches(name, [*values, *known], n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(values)}"
    hint = hint_of_printed(rows, name) or hint
    raise NotFoundError(f"{name}: no such field in these runs", hint)


def text_of(values: Values) -> str:
    """A field of a run for eyes."""
    return ", ".join(v if isinstance(v, str) else format_value(v) for v in values)


def _plain(values: Values) -> bool:
    return any(value not in (None, "") for value in values)


def _value_names(rows: Sequence[Row]) -> list[str]:
    """The names of all values of *rows*, by which a field of that name gives them."""
    names: dict[str, None] = {}
    for group in _GROUPS:
        for row in rows:
            for key in _group(row, group):
                names.setdefault(_field_name(group, key, rows))
    return list(names)


def _field_name(group: str, key: str, rows: Sequence[Row]) -> str:
    before = _GROUPS[: _GROUPS.index(group)]
    taken = key in FACTS or key in ALIASES or key.partition(".")[0] in _GROUPS
    if taken or any(key in _group(row, other) for row in rows for other in before):
        return f"{group}.{key}"
    return key


def _column(name: str, rows: Sequence[Row]) -> Column:
    of = field(name)
    key = name.removeprefix("metrics.")
    is_metric = any(key in row.metrics for row in rows) and (
        key != name or not any(name in row.config for row in rows)
    )
    return Column(name, [of(row) for row in rows], is_metric)


def _group(row: Row, group: str) -> Mapping[str, Scalar]:
    values: Mapping[str, Scalar] = getattr(row, group)
    return values
