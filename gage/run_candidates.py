"""Candidates from runs: their short IDs, their dirs and files, and what filters ask about them.

Only the runs that changed last are read, at each TAB anew.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gage.candidate import Candidate, Place, entries
from gage.errors import GageError

if TYPE_CHECKING:
    from gage.row import Row

MOST_RUNS = 50
"""Runs that are looked at: more is nothing to choose from with a key."""

_META = ".meta"


def runs(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """Runs as people name them: by short ID, ``@``, ``OPERATION@``, or a path."""
    if "/" in current:
        yield from run_dirs(current, place, before)
    else:
        yield from _named(current, lambda prefix: _recent(place, prefix))


def deleted_runs(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """Runs in the trash, as people name them there."""
    return _named(current, lambda prefix: _deleted(place, prefix))


def _named(current: str, read: Callable[[str], list["Row"]]) -> Iterator[Candidate]:
    """What names the runs that *read* finds by the beginning of their names."""
    rows = read(current)
    for row in rows:
        yield Candidate(_short(row, current), _about(row))
    if not current or current.startswith("@"):
        rows = rows or read("")
        yield from [Candidate("@", f"the newest: {_about(rows[0])}")] if rows else []
        yield from (Candidate(f"@~{n}", _about(row)) for n, row in enumerate(rows[1:4], 1))
    else:
        rows = read("")
    newest: dict[str, Row] = {}
    for row in rows:
        newest.setdefault(row.operation, row)
    for operation, row in newest.items():
        if operation and "/" not in operation:
            yield Candidate(f"{operation}@", f"the newest of it: {_about(row)}")


def run_dirs(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """Run dirs, and directories that may hold some, as paths."""
    head = current[: current.rfind("/") + 1]
    folder = os.path.join(place.directory, os.path.expanduser(head))
    for name, is_dir in entries(folder):
        if not is_dir or name.endswith((_META, ".user")):
            continue
        if name.startswith(".") and not current[len(head) :].startswith("."):
            continue
        if os.path.isdir(os.path.join(folder, name + _META)):
            from gage.row import read_row

            yield Candidate(head + name, _about(read_row(folder, name)))
        else:
            yield Candidate(f"{head}{name}/")


def operations_of_runs(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """The operations that there are runs of."""
    counts: dict[str, int] = {}
    for row in _recent(place):
        counts[row.operation] = counts.get(row.operation, 0) + 1
    yield from (Candidate(name, f"{n} run{'s' * (n > 1)}") for name, n in counts.items() if name)


def labels(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """The labels that runs have."""
    return (Candidate(row.label, _about(row)) for row in _recent(place) if row.label)


def tags(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """The tags that runs have."""
    return (Candidate(tag) for row in _recent(place) for tag in row.tags)


def metrics(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """The metrics that runs ended with, each with the value of the newest."""
    values: dict[str, str] = {}
    for row in _recent(place):
        for name, value in row.metrics.items():
            values.setdefault(name, f"{value}")
    return (Candidate(name, value) for name, value in values.items())


def fields(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """What a filter may ask for: the values that runs have, and the facts."""
    from gage.fields import FACTS

    for row in _recent(place):
        for values in (row.metrics, row.config):
            yield from (Candidate(name, f"{value}") for name, value in values.items())
    yield from map(Candidate, FACTS)


def values_of_run(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """``NAME=`` of the config of the run that stands before, or the value that it has."""
    from gage.scalar import format_value

    row = _named_run(before[0], place)
    config = row.config if row else {}
    if "=" in current:
        name = current.partition("=")[0]
        if name in config:
            value = config[name]
            others = [not value] if isinstance(value, bool) else []
            yield from (Candidate(f"{name}={format_value(v)}") for v in [value, *others])
        return
    given = {word.partition("=")[0] for word in before[1:]}
    for name, value in config.items():
        if name not in given:
            yield Candidate(f"{name}=", format_value(value))


def runs_or_paths(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """A run, or a file of the newest one."""
    if "/" not in current:
        yield from runs(current, place, before)
    yield from paths(current, place, [])


def paths(current: str, place: Place, before: Sequence[str]) -> Iterator[Candidate]:
    """The files of the run that was named, or of the newest one."""
    row = _named_run(before[0] if before else "@", place)
    if row is None:
        return
    head = current[: current.rfind("/") + 1]
    for name, is_dir in entries(os.path.join(row.run_dir, head)):
        yield Candidate(f"{head}{name}/" if is_dir else head + name)


def _recent(place: Place, prefix: str = "") -> list["Row"]:
    """The runs whose names begin with *prefix* and that changed last, the newest start first."""
    from gage.row import read_row

    try:
        home = _home(place)
        names = [
            name[: -len(_META)]
            for name in os.listdir(home)
            if name.endswith(_META) and name.startswith(prefix)
        ]
    except (GageError, OSError):
        return []
    if len(names) > MOST_RUNS:
        names.sort(key=lambda name: _changed(f"{home}/{name}{_META}"), reverse=True)
    return sorted((read_row(home, name) for name in names[:MOST_RUNS]), reverse=True)


def _deleted(place: Place, prefix: str) -> list["Row"]:
    """As ``_recent``, of the runs in the trash: those that were deleted last."""
    from gage.row import read_row
    from gage.trash import runs_in_trash

    try:
        found = [run for run in runs_in_trash(_home(place)) if run.name.startswith(prefix)]
    except (GageError, OSError):
        return []
    return sorted((read_row(run.home, run.name) for run in found[:MOST_RUNS]), reverse=True)


def _home(place: Place) -> str:
    """The runs home, as find_home finds it, without all else in the gage file being checked."""
    from gage.home import DEFAULT, find_home

    if place.runs or os.environ.get("GAGE_RUNS"):
        return find_home(place.runs, place.directory, os.environ)
    from gage.gage_file import find_gage_file, glance

    path = find_gage_file(place.directory)
    named = glance(path).get("$runs-dir") if path else None
    project = os.path.dirname(path) if path else place.directory
    return os.path.join(project, named if named and isinstance(named, str) else DEFAULT)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _named_run(spec: str, place: Place) -> "Row | None":
    from gage.selecting import select_run

    if "/" in spec:
        spec = os.path.join(place.directory, os.path.expanduser(spec))
    try:
        return select_run(_recent(place), spec)
    except (GageError, OSError):
        return None


def _short(row: "Row", current: str) -> str:
    """The name that people know, or the whole of it where they have written more."""
    from gage.run import SHORT_ID

    return row.name[:SHORT_ID] if row.name == row.id and len(current) <= SHORT_ID else row.name


def _about(row: "Row") -> str:
    return "  ".join(filter(None, (row.operation, row.status, row.label or row.settings)))
