"""The series of a metric: its values over the steps of a run, from what the run wrote.

They are read when they are asked for, out of the output that is kept and its index, and from
TensorBoard event files, and are no fact: so a run that is still running has them, and so has
one that was made before this was thought of.

A point comes from a match of the metric's pattern. Its step is what the group ``step`` of the
pattern matched, or what the line says by ``step: N`` or ``epoch: N``; where no line of the
series says any, matches are counted. Its time is when that piece of the output was read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gage.errors import GageError
from gage.event_files import read_scalars
from gage.opdef import metric_patterns, raw_steps
from gage.output import RUN, read_tail
from gage.output_index import index_records
from gage.recorded import recorded_opdef
from gage.row import Row
from gage.run import Run, run_meta_path
from gage.searching import Match, all_matches
from gage.summary import OUTPUT_LIMIT, number_of

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)\b"

_LOOKED_AT = 10


class Point(NamedTuple):
    """A value at a step; *time* in microseconds since the epoch, None where it is unknown."""

    step: int
    value: float
    time: int | None


class Series(NamedTuple):
    """The points of a metric in the order they came; *before* is how many are left out."""

    points: list[Point]
    before: int = 0


class RunSeries(NamedTuple):
    """The series that a run has, by metric, and what is wrong, a line each."""

    series: dict[str, Series]
    complaints: list[str]


def read_series(run: Run, names: Iterable[str] = (), *, defined: bool = True) -> RunSeries:
    """The series of *run*: with *defined* of all metrics that its operation defines, and more.

    Those of *names* are sought too, by the pattern of that name or, without one, as ``NAME: 1``
    and ``NAME=1``. Raises OSError where the machine cannot read them now.
    """
    if _is_pipeline(run):
        return RunSeries({}, [])  # what it wrote is what its steps wrote, one after the other
    own = _patterns(run)
    patterns = own if defined else {}
    patterns |= {name: own.get(name) or plain_pattern(name) for name in names}
    found = RunSeries({}, [])
    _add_matches(found, run, patterns)
    scalars = read_scalars(run)
    wanted = scalars.by_tag if defined else [tag for tag in scalars.by_tag if tag in patterns]
    for tag in wanted:
        if tag not in found.series:
            points = [Point(*scalar) for scalar in scalars.by_tag[tag]]
            found.series[tag] = Series(points, scalars.before[tag])
    found.complaints.extend(scalars.complaints)
    return found


def hint_of_printed(rows: Sequence[Row], name: str) -> str:
    """What to do about a value *name* that one of the first *rows* printed, and no run has.

    Empty where none of them did.
    """
    for row in rows[:_LOOKED_AT]:
        try:
            printed = read_series(row.run, [name], defined=False).series
        except OSError:
            continue
        if name in printed:
            return f"gage plot {name} draws what runs print; `metrics` of the operation keeps it"
    return ""


def plain_pattern(name: str) -> str:
    """The pattern of a metric that has none: its name, a colon or ``=``, and a number."""
    return rf"(?<![\w./-]){re.escape(name)}[\"']?[ \t]*[:=][ \t]*[\"']?(?i:({_NUMBER}))"


def _is_pipeline(run: Run) -> bool:
    try:
        return bool(raw_steps(recorded_opdef(run)))
    except (GageError, OSError, TypeError):
        return False  # damaged


def _patterns(run: Run) -> dict[str, str]:
    try:
        patterns = metric_patterns(recorded_opdef(run))
    except (GageError, OSError, TypeError, ValueError):
        return {}  # damaged
    return {name: text for name, text in patterns.items() if isinstance(text, str)}


def _add_matches(found: RunSeries, run: Run, patterns: Mapping[str, str]) -> None:
    if not patterns:
        return
    try:
        start, output = read_tail(run_meta_path(run, "output", RUN), OUTPUT_LIMIT)
    except OSError as error:
        found.complaints.append(f"{run}: output: {error.strerror}")
        return
    if not output:
        return
    if start:
        found.complaints.append(f"metrics: the first {start:,} bytes of the output are left out")
    numbered: dict[str, tuple[list[tuple[Match, int | float]], int]] = {}
    for name, (matches, before, trouble) in all_matches(patterns, output).items():
        if trouble:
            found.complaints.append(f"metrics: {name}: {trouble}")
            continue
        numbers = [(match, number) for match in matches if (number := _number(match)) is not None]
        if len(numbers) < len(matches):
            odd = next(match for match in matches if _number(match) is None)
            count = len(matches) - len(numbers)
            what = f"{count} of {len(matches)} matches are no numbers, such as {odd.value[:60]!r}"
            found.complaints.append(f"metrics: {name}: {what}")
        if numbers:
            numbered[name] = numbers, before
        if before:
            found.complaints.append(f"metrics: {name}: the first {before:,} values are left out")
    ends = {start + match.end for numbers, _ in numbered.values() for match, _ in numbers}
    times = _times(run, sorted(ends))
    for name, (numbers, before) in numbered.items():
        steps = _steps([match for match, _ in numbers], before)
        points = [
            Point(step, number, times.get(start + match.end))
            for step, (match, number) in zip(steps, numbers, strict=True)
        ]
        found.series[name] = Series(points, before)


def _number(match: Match) -> int | float | None:
    try:
        return number_of(match.value)
    except ValueError:
        return None


def _steps(matches: Sequence[Match], before: int) -> list[int]:
    if all(match.step is None for match in matches):
        return list(range(before + 1, before + len(matches) + 1))
    # The last line of all often repeats a value, and says no step.
    steps, last = [], 0
    for match in matches:
        last = last if match.step is None else match.step
        steps.append(last)
    return steps


def _times(run: Run, ends: Sequence[int]) -> dict[int, int]:
    """When each of the bytes before *ends*, which ascend, was read, as far as that is known."""
    times: dict[int, int] = {}
    read = at = 0
    # One pass for all metrics, that keeps no records: there may be millions.
    try:
        for record in index_records(run, RUN):
            read += record.length if record.stream != "x" else 0
            while at < len(ends) and ends[at] <= read:
                times[ends[at]] = record.time
                at += 1
            if at == len(ends):
                break
    except OSError:
        pass  # what could be read of it counts
    return times


def is_drawable(value: float) -> bool:
    """Whether a chart has room for *value*: none has for what is all but infinite."""
    return abs(value) < 1e300


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most *most* of *points*, among them the highest and the lowest of every stretch.

    A chart of them looks like that of all. *most* is four at least.
    """
    if len(points) <= most:
        return list(points)
    stretches = most // 2 - 1
    kept = [points[0]]
    for number in range(stretches):
        first, last = (len(points) * n // stretches for n in (number, number + 1))
        by_value = sorted(range(first, last), key=lambda i: points[i][1])
        kept += [points[i] for i in sorted({by_value[0], by_value[-1]})]
    return [*kept, points[-1]]
