import os
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import UsageError
from gage.moments import Span, parse_span

ZONE = "Europe/Berlin"


@pytest.fixture(autouse=True)
def berlin(known_environment):
    os.environ["TZ"] = ZONE
    time.tzset()
    yield
    os.environ["TZ"] = "UTC"
    time.tzset()


def at(text: str) -> int:
    """The stamp of a local time such as ``2026-11-21 10:00``."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(ZONE))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (moment - epoch) // timedelta(microseconds=1)


NOW = "2026-11-21 15:30:45.5"  # a Saturday


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("after 2026-11-21 10:00", "2026-11-21 10:00", None),
        ("after 2026-11-21 10:00:07", "2026-11-21 10:00:07", None),
        ("since 2026-11-20", "2026-11-20 00:00", None),
        ("before 2026-11-21 10:00:07", None, "2026-11-21 10:00:07"),
        ("before 2026-11-21", None, "2026-11-21 00:00"),
        ("between 2026-11-01 and 2026-11-20", "2026-11-01", "2026-11-21"),
        ("between 2026-11-01 09:00 and 2026-11-20 10:00", "2026-11-01 09:00", "2026-11-20 10:01"),
        ("between yesterday and 2 hours ago", "2026-11-20", "2026-11-21 14:30:45.5"),
        ("last 2 hours", "2026-11-21 13:30:45.5", None),
        ("last 1 day", "2026-11-20 15:30:45", None),
        ("last 2 months", "2026-09-21 15:30:45", None),
        ("today", "2026-11-21", "2026-11-22"),
        ("Yesterday", "2026-11-20", "2026-11-21"),
        ("this week", "2026-11-16", "2026-11-23"),
        ("last  week", "2026-11-09", "2026-11-16"),
        ("this month", "2026-11-01", "2026-12-01"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("this hour", "2026-11-21 15:00", "2026-11-21 16:00"),
        ("last minute", "2026-11-21 15:29", "2026-11-21 15:30"),
        ("2 days ago", "2026-11-19", "2026-11-20"),
        ("12 months ago", "2025-11-01", "2025-12-01"),
        ("2 hours ago", "2026-11-21 13:30:45.5", "2026-11-21 14:30:45.5"),
        ("after 2 days ago", "2026-11-19", None),
        ("2026-11-21", "2026-11-21", "2026-11-22"),
        ("2026-11-21 10:00", "2026-11-21 10:00", "2026-11-21 10:01"),
        ("2026-11-21T10:00:05", "2026-11-21 10:00:05", "2026-11-21 10:00:06"),
        ("2026-11-21 10:00:05.25", "2026-11-21 10:00:05.25", "2026-11-21 10:00:05.26"),
        ("2026-11-21T10:00:05,123456", "2026-11-21 10:00:05.123456", "2026-11-21 10:00:05.123457"),
        ("2026-11-21T10:00Z", "2026-11-21 11:00", "2026-11-21 11:01"),
        ("2026-11-21 10:00:00+05:30", "2026-11-21 05:30", "2026-11-21 05:30:01"),
        # The clocks change: these days have 23 and 25 hours.
        ("2026-03-29", "2026-03-29 00:00+01:00", "2026-03-30 00:00+02:00"),
        ("2026-10-25", "2026-10-25 00:00+02:00", "2026-10-26 00:00+01:00"),
        ("27 days ago", "2026-10-25 00:00+02:00", "2026-10-26 00:00+01:00"),
    ],
)
def test_a_span_is_what_people_mean(text, start, end):
    assert parse_span(text, at(NOW)) == Span(start and at(start), end and at(end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "after",
        "before",
        "between",
        "between today",
        "between today and",
        "last",
        "last hours",
        "last -1 hours",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "2026-11-21 25:00",
        "2026-11-21 10",
        "after after today",
        "0000-01-01",
        "2026-11-21 10:00+99:99",
    ],
)
def test_what_is_no_time_is_said(text):
    with pytest.raises(UsageError) as caught:
        parse_span(text, at(NOW))
    assert f"`{text}`" in caught.value.message
    assert "last 2 hours" in caught.value.hint


def test_after_takes_the_time_itself_in_and_before_leaves_it_out():
    second = at("2026-11-21 10:00:00")
    after = parse_span("after 2026-11-21 10:00:00", at(NOW))
    before = parse_span("before 2026-11-21 10:00:00", at(NOW))
    assert after.holds(second) and not before.holds(second)
    assert not after.holds(second - 1) and before.holds(second - 1)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)), st.booleans())
def test_what_datetime_prints_is_understood(moment, sub_seconds):
    # Which of two equal hours it is, when clocks are set back, is not printed.
    moment = moment.replace(fold=0)
    moment = moment if sub_seconds else moment.replace(microsecond=0)
    start = parse_span(f"after {moment}", at(NOW)).start
    assert start == round(moment.timestamp() * 1_000_000)


@given(st.text(max_size=30))
def test_any_text_is_a_span_or_a_usage_error(text):
    try:
        parse_span(text, at(NOW))
    except UsageError:
        pass
