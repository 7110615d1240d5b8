"""A picture of a run that goes on: a line for it, and one for each of its steps.

A line is mark, name, status, time, and the last that the step wrote. A window that is too low
for all of them shows what runs first, then what failed, waits, and is completed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gage.porcelain.colour import paint_status
from gage.porcelain.runs import duration
from gage.porcelain.table import Paint, cut, table_lines
from gage.run import short_name
from gage.standing import ENDED, Standing
from gage.status import Status

MARKS: Mapping[str, str] = {
    "completed": "✓",
    "error": "✗",
    "terminated": "✗",
    "running": "▸",
    "exited": "▸",
    "unknown": "?",
    "": "·",
}
ASCII: Mapping[str, str] = {
    "completed": "+",
    "error": "x",
    "terminated": "x",
    "running": ">",
    "exited": ">",
    "unknown": "?",
    "": ".",
}
NONE: Mapping[str, str] = {}

_SECOND = 1_000_000
_RANKS = {"running": 0, "exited": 0, "error": 2, "terminated": 2, "unknown": 2, "waiting": 3}


def picture(
    standings: Sequence[Standing],
    now: int,
    *,
    marks: Mapping[str, str],
    width: int | None = None,
    height: int | None = None,
    coloured: bool = False,
) -> list[str]:
    """The lines of a picture of a run at the moment *now*, at most *height* of them."""
    going = standings[0].status not in ENDED
    words = [word_of(standing, going) for standing in standings]
    chosen = list(range(len(standings)))
    rest = ""
    if height is not None and len(standings) > height:
        chosen = _chosen(standings, words, max(height - 1, 1))
        hidden = Counter(words[i] for i in range(len(words)) if i not in set(chosen))
        told = ", ".join(f"{count} {word}" for word, count in hidden.items())
        rest = f"and {told}" if height > 1 else ""
    columns = [
        [_named(standings[i], words[i], marks) for i in chosen],
        [words[i] for i in chosen],
        [_time(standings[i], words[i], now) for i in chosen],
        [standings[i].unmet or standings[i].line for i in chosen],
    ]
    paint: Paint | None = {1: paint_status} if coloured else None
    lines = list(table_lines(columns, width=width, paint=paint))
    if rest:
        lines.append(rest if width is None else cut(rest, width))
    return lines


def word_of(standing: Standing, going: bool) -> str:
    """What a person calls the status of a step; *going* is whether its pipeline still goes on.

    What did not run yet, or failed in an attempt before this, waits for its turn.
    """
    if standing.status is None:
        return "waiting" if going else "missing"
    waits: tuple[Status, ...] = ("staged", "pending")
    if going and standing.path:
        waits += ("error", "terminated") if standing.is_earlier else ()
        if standing.status in waits:
            return "waiting"
    return standing.status


def name_of(standing: Standing) -> str:
    """A step by the names of the links to it; a run itself by its operation and ID."""
    if standing.path:
        return "/".join(standing.path)
    run = standing.run
    return " ".join(filter(None, [str(run.opref or ""), short_name(run)])) if run else ""


def duration_of(standing: Standing, now: int) -> str:
    """How long it ran, or has been running, for eyes."""
    if not standing.started:
        return ""
    if standing.stopped:
        return duration(standing.stopped - standing.started)
    seconds = max(now - standing.started, 0) // _SECOND
    return f"{seconds} s" if seconds < 60 else duration(seconds * _SECOND)


def _named(standing: Standing, word: str, marks: Mapping[str, str]) -> str:
    judged = "error" if standing.unmet else "completed" if standing.is_expected else word
    mark = marks.get(judged if word in ENDED else word, marks.get("", ""))
    name = standing.path[-1] if standing.path else name_of(standing)
    return "  " * len(standing.path) + (f"{mark} " if mark else "") + name


def _time(standing: Standing, word: str, now: int) -> str:
    if word == "waiting":
        return ""
    if standing.is_earlier and standing.path:
        return "earlier"
    return duration_of(standing, now)


def _chosen(standings: Sequence[Standing], words: Sequence[str], room: int) -> list[int]:
    """Those that are shown where only *room* of them can be, in order."""

    def rank(i: int) -> tuple[int, int]:
        group = _RANKS.get(words[i], 4)
        if group == 0 and standings[i].has_steps:
            group = 1  # its steps say more
        # Of what is over the last matters, of what is to come the first.
        return group, -i if group == 4 else i

    return sorted(sorted(range(len(standings)), key=rank)[:room])


def news(
    before: Mapping[tuple[str, ...], str], standings: Sequence[Standing], now: int
) -> Iterator[str]:
    """What became of steps since they were called what *before* tells, a line each."""
    going = standings[0].status not in ENDED
    for standing in standings:
        word = word_of(standing, going)
        old = before.get(standing.path, "")
        if word == old or (not old and word in ("waiting", "staged", "pending", "missing")):
            continue
        if not old and standing.is_earlier:
            yield f"{name_of(standing)}: {word} earlier"
        elif word == "running":
            yield f"{name_of(standing)}: running"
        elif word in ENDED:
            told = standing.unmet or standing.line
            last = f": {told}" if told else ""
            yield f"{name_of(standing)}: {word} after {duration_of(standing, now)}{last}"


def words_of(standings: Sequence[Standing]) -> dict[tuple[str, ...], str]:
    """What each step is called, to be given to ``news`` when the next picture is there."""
    going = standings[0].status not in ENDED
    return {standing.path: word_of(standing, going) for standing in standings}
