"""``log/files``: which files entered a run, and what became of them, a line an event.

``EVENT TYPE MTIME PATH``: the event is ``a`` (added), ``m`` (modified) or ``d`` (deleted),
the type as in the manifest, the time of last modification in microseconds since the epoch
or ``-``. The path is escaped as in the manifest.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gage.facts import append
from gage.manifest import escape_line, unescape_line
from gage.run import Run, read_fact


class FileEvent(NamedTuple):
    """What happened to one file; *mtime* in microseconds, None for a deleted file."""

    event: str
    type: str
    mtime: int | None
    path: str


def append_events(run: Run, events: Iterable[FileEvent]) -> None:
    """Append to the log, in one write."""
    lines = [escape_line(f"{e.event} {e.type} {_stamp(e.mtime)} ", e.path) for e in events]
    if lines:
        append(
            run, "log", "files", data=("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
        )


def read_events(run: Run) -> list[FileEvent]:
    """All events, oldest first; a line that was cut by a crash is left out."""
    events = []
    for line in (read_fact(run, "log", "files") or "").split("\n"):
        parts = unescape_line(line).split(" ", 3)
        if len(parts) == 4:
            event, type, mtime, path = parts
            events.append(FileEvent(event, type, None if mtime == "-" else int(mtime), path))
    return events


def entered(run: Run) -> dict[str, str]:
    """The type of each file that entered the run and is still in it, in order of entering."""
    types: dict[str, str] = {}
    for event in read_events(run):
        if event.event == "d":
            types.pop(event.path, None)
        else:
            types.setdefault(event.path, event.type)
    return types


def _stamp(mtime: int | None) -> str:
    return "-" if mtime is None else str(mtime)
