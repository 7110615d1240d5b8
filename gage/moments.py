"""Spans of time as people write them: ``last 2 hours``, ``after 2026-11-21 10:00``, ``today``.

Times are in the local time zone unless they name one. A date or a time stands for as long
as it is exact: ``2026-11-21`` for that day, ``2026-11-21 10:00`` for that minute.
"""

import re
import time
from typing import NamedTuple

from gage.errors import UsageError

EXPECTED = "write `after TIME`, `before TIME`, `between TIME and TIME`, `last 2 hours`, `today`, …"

_MICROS = 1_000_000
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?([.,]\d{1,6})? ?(Z|[+-]\d\d:?\d\d)?)?"
)


class Span(NamedTuple):
    """From *start* up to and without *end*, in microseconds since the epoch; None: no bound."""

    start: int | None
    end: int | None

    def holds(self, stamp: int) -> bool:
        """Whether *stamp* lies in the span."""
        return (self.start is None or stamp >= self.start) and (
            self.end is None or stamp < self.end
        )


def parse_span(text: str, now: int) -> Span:
    """The span that *text* means at *now*, in microseconds since the epoch. Raises UsageError.

    ``after`` takes the time itself in, ``before`` leaves it out, ``between`` takes both in.
    """
    try:
        return _span(" ".join(text.split()).lower(), now)
    except (ValueError, OverflowError) as error:
        trouble = str(error) or "out of range"
        raise UsageError(f"time `{text}`: {trouble}", EXPECTED) from None


def _span(words: str, now: int) -> Span:
    head, _, rest = words.partition(" ")
    if head in ("after", "since"):
        return Span(_moment(rest, now).start, None)
    if head == "before":
        return Span(None, _moment(rest, now).start)
    if head == "between":
        first, _, second = rest.partition(" and ")
        return Span(_moment(first, now).start, _moment(second, now).end)
    if last := re.fullmatch(r"last (\d{1,6}) (second|minute|hour|day|week|month|year)s?", words):
        return Span(_ago(now, int(last[1]), last[2]), None)
    return _moment(words, now)


def _moment(words: str, now: int) -> Span:
    if words == "now":
        return Span(now, now + 1)
    words = {"today": "this day", "yesterday": "last day"}.get(words, words)
    if this := re.fullmatch(r"(this|last) (minute|hour|day|week|month|year)", words):
        return _calendar(now, int(this[1] == "last"), this[2])
    if ago := re.fullmatch(r"(\d{1,6}) (second|minute|hour|day|week|month|year)s? ago", words):
        if ago[2] not in _SECONDS:
            return _calendar(now, int(ago[1]), ago[2])
        start = _ago(now, int(ago[1]), ago[2])
        return Span(start, start + _SECONDS[ago[2]] * _MICROS)
    if iso := _ISO.fullmatch(words.upper()):
        return _iso(iso)
    raise ValueError(f"expected a time, found `{words}`" if words else "expected a time")


def _ago(now: int, count: int, unit: str) -> int:
    """*now* less *count* units; days and longer keep the time of day."""
    if unit in _SECONDS:
        return now - count * _SECONDS[unit] * _MICROS
    date = time.localtime(now // _MICROS)
    return _local(*_back(date, count, unit), date.tm_hour, date.tm_min, date.tm_sec)


def _calendar(now: int, back: int, unit: str) -> Span:
    """The whole unit that lies *back* units before the one that *now* is in."""
    if unit in _SECONDS:
        size = _SECONDS[unit] * _MICROS
        # Zones differ from UTC by hours and minutes: a minute is the same everywhere.
        offset = time.localtime(now // _MICROS).tm_gmtoff * _MICROS
        start = (now + offset) // size * size - offset - back * size
        return Span(start, start + size)
    date = time.localtime(now // _MICROS)
    first = {"week": date.tm_mday - date.tm_wday, "day": date.tm_mday}.get(unit, 1)
    month = 1 if unit == "year" else date.tm_mon
    floor = time.struct_time((date.tm_year, month, first, *date[3:]))
    return Span(_local(*_back(floor, back, unit)), _local(*_back(floor, back - 1, unit)))


def _back(date: time.struct_time, count: int, unit: str) -> tuple[int, int, int]:
    year, month, day = date[:3]
    if unit == "year":
        return year - count, month, day
    if unit == "month":
        return year, month - count, day
    return year, month, day - count * (7 if unit == "week" else 1)


def _local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    # mktime(3) puts in order what is out of range, as the 0th of a month.
    return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1))) * _MICROS


def _iso(match: re.Match[str]) -> Span:
    from datetime import UTC, datetime, timedelta

    date, minute, second, fraction, zone = match.groups()
    digits = (fraction or "")[1:]
    text = f"{date}T{minute or '00:00'}{second or ':00'}.{digits:0<6}"
    moment = datetime.fromisoformat(text + (zone or ""))
    since = moment.astimezone() - datetime(1970, 1, 1, tzinfo=UTC)
    start = since // timedelta(microseconds=1)
    if minute is None:
        return Span(start, _local(moment.year, moment.month, moment.day + 1))
    size = 10 ** (6 - len(digits)) if digits else _MICROS if second else 60 * _MICROS
    return Span(start, start + size)
