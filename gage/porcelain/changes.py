"""What a run would have that the last of its operation had not, for who is about to make it."""

from collections.abc import Iterator

from gage.errors import GageError
from gage.listing import read_rows
from gage.operation import Operation, Prepared
from gage.pipeline import is_pipeline
from gage.porcelain.runs import short_id
from gage.porcelain.table import table_lines
from gage.row import Row
from gage.run import open_run
from gage.scalar import format_value
from gage.shown import shown_line
from gage.since import Changes, FlagChange, changes_since
from gage.staging import source_files

MOST_FILES = 10
"""So many files are named."""


def change_lines(operation: Operation, prepared: Prepared, home: str) -> list[str]:
    """What has changed since the last run of the operation; nothing where there was none."""
    rows = read_rows(home)
    row = next((r for r in rows if r.started and r.opref == prepared.opref), None)
    if row is None:
        return []
    steps = is_pipeline(prepared.opdef)
    try:
        run = open_run(row.run_dir)
        project = operation.project
        # A batch has no source code, whatever the operation of its trials has.
        sources = source_files(prepared.opdef, project, runs_home=home).sources
        changes = changes_since(run, prepared, project, sources)
    except GageError:
        return []  # staging says it better
    return list(_lines(row, changes, steps)) if changes else []


def _lines(row: Row, changes: Changes, steps: bool) -> Iterator[str]:
    last = f"{shown_line(short_id(row))} ({row.status})"
    if not any(changes):
        yield f"same values as {last}" if steps else f"same as {last}"
        return
    yield f"not as in {last}:"
    flags = [[f.name for f in changes.flags], [_told(f) for f in changes.flags]]
    yield from (f"   {line}" for line in table_lines(flags))
    if changes.command:
        yield "   another command"
    files = changes.files if len(changes.files) <= MOST_FILES + 1 else changes.files[:MOST_FILES]
    words = {"touched": "touched, not compared"}
    columns = [[path for _, path in files], [words.get(how, how) for how, _ in files]]
    yield from (f"   {line}" for line in table_lines(columns))
    if len(files) < len(changes.files):
        yield f"   and {len(changes.files) - len(files):,} more files"


def _told(flag: FlagChange) -> str:
    if flag.how == "changed":
        return f"{format_value(flag.old)} → {format_value(flag.new)}"
    if flag.how == "added":
        return f"{format_value(flag.new)}, new"
    return f"gone, was {format_value(flag.old)}"
