"""Expectations: what a pipeline demands of the run of a step, besides that it ends well."""

from collections.abc import Mapping
from typing import Any

from gage.errors import ConfigError, GageError
from gage.patterns import compile_patterns
from gage.row import read_row
from gage.run import Run, has_fact
from gage.run_files import walk_run_dir
from gage.scalar import Scalar
from gage.summary import number_of

_COMPARISONS = ("<=", ">=", "!=", "==", "<", ">", "=")


def unmet_expectations(run: Run, expect: Mapping[str, Any]) -> list[str]:
    """What of *expect* the finished *run* does not meet, a line each; none where all is well.

    ``exit`` is the exit code (0 without it), ``files`` patterns that must each match a file,
    ``metrics`` a number or a comparison such as ``< 0.1`` for each name. Raises ConfigError
    for a comparison with what is no number.
    """
    row = read_row(run.home, run.name)
    wanted = int(expect.get("exit", 0))
    if row.exit != wanted:
        return [f"exit code {row.exit}, expected {wanted}"]
    complaints = []
    patterns = expect.get("files") or []
    paths = [found.path for found in walk_run_dir(run.run_dir)] if patterns else []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not any(map(compile_patterns([pattern]), paths)):
            complaints.append(f"no file {pattern}")
    for name, condition in (expect.get("metrics") or {}).items():
        value = row.metrics.get(name)
        if value is None:
            complaints.append(f"no metric {name}, expected {condition}")
        elif not _holds(value, str(condition)):
            complaints.append(f"{name} is {value}, expected {condition}")
    return complaints


def find_unmet(run: Run, expect: Mapping[str, Any]) -> list[str]:
    """The same for whoever only looks: none where *run* has not ended, or cannot be read."""
    try:
        return unmet_expectations(run, expect) if expect and has_fact(run, "proc", "exit") else []
    except (GageError, OSError, AttributeError, LookupError, TypeError, ValueError):
        return []  # JSON of any other shape


def parse_condition(text: str) -> tuple[str, int | float]:
    """The operator of the condition *text*, if it has one, and the number. Raises ConfigError."""
    operator = next((op for op in _COMPARISONS if text.startswith(op)), "")
    try:
        return operator, number_of(text[len(operator) :])
    except ValueError:
        raise ConfigError(f"{text}: no comparison with a number", "such as `< 0.1`") from None


def _holds(value: Scalar, condition: str) -> bool:
    operator, limit = parse_condition(condition)
    if not isinstance(value, int | float):
        return False
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "!=": value != limit,
    }.get(operator, value == limit)
