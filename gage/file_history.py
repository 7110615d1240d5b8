"""What the facts of a run tell to have become of its files since each entered it."""

from collections.abc import Mapping
from typing import NamedTuple

from gage.files_log import FileEvent, parse_event
from gage.manifest import GENERATED
from gage.meta_files import Facts, sound, text_of
from gage.patch import parse_patches


class History(NamedTuple):
    """*events* by path, the oldest first, from when the file last entered the run.

    *configured* are the paths of files that values were written to, and *staged* is when
    the run was staged, 0 where nothing tells.
    """

    events: Mapping[str, list[FileEvent]]
    configured: frozenset[str]
    staged: int


def history_of(facts: Facts) -> History:
    """The history of the files of a run, as far as its facts are there and well formed."""
    events: dict[str, list[FileEvent]] = {}
    text = (sound(facts, "log/files") or b"").decode("utf-8", "surrogateescape")
    for line in text.split("\n")[:-1]:
        event = parse_event(line)
        if event is not None and event.event == "a":
            events[event.path] = [event]
        elif event is not None:
            events.setdefault(event.path, []).append(event)
    patches = parse_patches(sound(facts, "log/patched") or b"")
    configured = frozenset(patch.path for patch in patches)
    return History(events, configured, int(text_of(facts, "staged") or 0))


def went_in(history: History, path: str) -> bool:
    """Whether the file entered the run before its command, and was not deleted."""
    told = history.events.get(path, [])
    return bool(told) and told[-1].type != GENERATED and told[-1].event != "d"


def was_deleted(history: History, path: str) -> bool:
    """Whether the last that is told of the file is that it was deleted."""
    return [event.event for event in history.events.get(path, [])[-1:]] == ["d"]


def changed_by_command(history: History, path: str) -> int | None:
    """When the command modified the file, in µs; None where it did not.

    Staging tells of a file that it wrote values to as finalize does of one that the command
    changed: but those were before the run was staged.
    """
    told = history.events.get(path, [])
    if not told or told[-1].event != "m":
        return None
    time = told[-1].mtime
    return time if path not in history.configured or (time or 0) > history.staged else None
