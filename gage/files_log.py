"""``log/files``: which files entered a run, and what became of them, a line an event.

``EVENT TYPE MTIME PATH``: the event is ``a`` (added), ``m`` (modified) or ``d`` (deleted),
the type as in the manifest, the time of last modification in microseconds since the epoch
or ``-``. The path is escaped as in the manifest.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gage.durable import put
from gage.errors import StateError
from gage.facts import append
from gage.manifest import escape_line, unescape_line
from gage.run import Run, read_fact_bytes, run_meta_path, tmp_dir


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
        _drop_half_line(run)
        append(
            run, "log", "files", data=("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
        )


def read_events(run: Run) -> list[FileEvent]:
    """All events, oldest first; a line that was cut by a crash is left out."""
    lines = (read_fact_bytes(run, "log", "files") or b"").split(b"\n")[:-1]
    events = (parse_event(line.decode("utf-8", "surrogateescape")) for line in lines)
    return [event for event in events if event is not None]


def parse_event(line: str) -> FileEvent | None:
    """The event of a line, without its newline; None where it tells none."""
    try:
        event, type, mtime, path = unescape_line(line).split(" ", 3)
        return FileEvent(event, type, None if mtime == "-" else int(mtime), path)
    except (StateError, ValueError):
        return None


def entered(run: Run) -> dict[str, str]:
    """The type of each file that entered the run and is still in it, in order of entering."""
    types: dict[str, str] = {}
    for event in read_events(run):
        if event.event == "d":
            types.pop(event.path, None)
        else:
            types.setdefault(event.path, event.type)
    return types


def _drop_half_line(run: Run) -> None:
    """Take away what a crash left of a last line: with more behind it, it would look whole."""
    log = read_fact_bytes(run, "log", "files") or b""
    whole = log[: log.rfind(b"\n") + 1]
    if whole != log:
        path = run_meta_path(run, "log", "files")
        put(tmp_dir(run), path, whole, mode=0o664, sync=run.sync)


def _stamp(mtime: int | None) -> str:
    return "-" if mtime is None else str(mtime)
