"""The time stamps of a run: when a phase ended, each later than those before it.

The verbs of a run are processes of their own, between which the clock may be set back. A
stamp is then the one before it and a microsecond: what came later is never told as earlier,
and no duration is negative.
"""

from gage.attempts import attempts
from gage.clock import Clock
from gage.errors import StateError
from gage.facts import put_fact
from gage.run import STAMPS, Run, read_fact, run_meta_path

_DIGITS = 17
"""A stamp with more is damaged: it would be of the year 5138, and every later one, too."""


def put_stamp(run: Run, name: str, now: Clock) -> None:
    """Write the fact *name*: the time, but later than all stamps of *run* so far."""
    put_fact(run, name, text=str(max([now(), *(stamp + 1 for stamp in _stamps(run))])))


def read_stamp(run: Run, name: str) -> int | None:
    """The stamp *name* of this attempt, None before that. Raises StateError for a damaged one."""
    text = read_fact(run, name)
    if text is None:
        return None
    if not _is_stamp(text):
        trouble = f"{run_meta_path(run, name)}: this fact is damaged"
        raise StateError(trouble, f"gage-fsck {run}")
    return int(text)


def _stamps(run: Run) -> list[int]:
    """The stamps of this attempt and the one before it."""
    folders = [attempt.folder for attempt in attempts(run)[-2:]]
    texts = [read_fact(run, *folder, name) or "" for folder in folders for name in STAMPS]
    return [int(text) for text in texts if _is_stamp(text)]


def _is_stamp(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS
