"""The fields of a run: the names by which filters, sort keys and formats ask for its values.

A field gives a tuple of values: empty where the run has none, more than one where there are
several tags. Facts have their own names; ``config.NAME``,
``metrics.NAME`` and ``attributes.NAME`` are the rest, and a NAME that is no fact is looked
for there in this order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gage.errors import GageError
from gage.json_text import json_text
from gage.row import Row
from gage.run import STAMPS
from gage.scalar import Scalar

Values = tuple[Scalar, ...]
Field = Callable[[Row], Values]

TIMES = STAMPS
"""The fields that are times."""


def _one(value: Scalar) -> Values:
    return () if value is None else (value,)


FACTS: Mapping[str, Field] = {
    "id": lambda row: (row.id,),
    "name": lambda row: (row.name,),
    "run_dir": lambda row: (row.run_dir,),
    "operation": lambda row: (row.operation,),
    "namespace": lambda row: (row.opref.namespace if row.opref else "",),
    "opname": lambda row: (row.opref.name if row.opref else "",),
    "status": lambda row: (row.status,),
    "label": lambda row: (row.label,),
    "tags": lambda row: row.tags,
    "comments": lambda row: (row.comments,),
    "parent": lambda row: (row.parent,),
    "exit": lambda row: _one(row.exit),
    "initialized": lambda row: _one(row.initialized),
    "staged": lambda row: _one(row.staged),
    "started": lambda row: _one(row.started),
    "stopped": lambda row: _one(row.stopped),
    "given": lambda row: row.given,
    "flags": lambda row: row.flags,
    "settings": lambda row: (row.settings,),
}
COSTLY: Mapping[str, Field] = {"fingerprint": lambda row: _fingerprint(row)}
"""Fields that are read from the run each time, and only where they are asked for."""

ALIASES = {"op": "operation", "tag": "tags"}

GROUPS: Mapping[str, Callable[[Row], Mapping[str, Scalar]]] = {
    "config": lambda row: row.config,
    "metrics": lambda row: row.metrics,
    "attributes": lambda row: row.attributes,
}
"""Fields with names of their own in them, as ``config.lr``."""


def field(name: str) -> Field:
    """The field that *name* stands for; any name does, for any run may have such a flag."""
    name = ALIASES.get(name, name)
    if name in FACTS or name in COSTLY:
        return FACTS.get(name) or COSTLY[name]
    group, dot, key = name.partition(".")
    if dot and group in GROUPS:
        return _value_in([GROUPS[group]], key)
    return _value_in(list(GROUPS.values()), name)


def _fingerprint(row: Row) -> Values:
    from gage.fingerprint import run_fingerprint

    try:
        return (run_fingerprint(row.run),) if row.opref else ()
    except (GageError, OSError):
        return ()  # it is not staged yet, or damaged


def _value_in(groups: Sequence[Callable[[Row], Mapping[str, Scalar]]], key: str) -> Field:
    def value(row: Row) -> Values:
        for group in groups:
            values = group(row)
            if key in values:
                return (values[key],)
        return ()

    return value


def operation_names(row: Row) -> tuple[str, ...]:
    """What the operation of *row* may be called: its full name, the part after the namespace."""
    _, colon, opname = row.operation.rpartition(":")
    return (row.operation, opname) if colon else (row.operation,)


def sort_rows(rows: list[Row], keys: Sequence[str]) -> list[Row]:
    """*rows* sorted by fields, the first of *keys* counting most; ``-KEY`` turns one round.

    Whichever the turn, numbers come before NaN, which is the value of what went wrong and never
    the best, then comes text, and runs that have no such value come last.
    """
    for key in reversed(keys):
        of = field(key.removeprefix("-"))
        ranked = [(_rank(values), row) for row in rows if (values := of(row))]
        ranked.sort(key=lambda pair: pair[0], reverse=key.startswith("-"))
        ranked.sort(key=lambda pair: pair[0][0][0])
        rows = [row for _, row in ranked] + [row for row in rows if not of(row)]
    return rows


def row_facts(row: Row) -> dict[str, Any]:
    """What a listing knows about a run, by the names of the fields; times in microseconds."""
    facts: dict[str, Any] = {}
    for name, of in FACTS.items():
        values = of(row)
        if name in ("tags", "given", "flags"):
            facts[name] = list(values)
        elif values:
            facts[name] = values[0]
    return facts | {name: dict(of(row)) for name, of in GROUPS.items()}


def format_json(row: Row) -> str:
    """The facts of a row as one line of JSON."""
    return json_text(row_facts(row))


def _rank(values: Values) -> list[tuple[int, float, str]]:
    """What sorts *values*: the kind of each, and what sorts it among others of its kind."""
    return [
        (2, 0, str(value or ""))
        if not isinstance(value, int | float)
        else (0, value, "")
        if value == value
        else (1, 0, "")  # NaN is neither less nor more than anything
        for value in values
    ]
