import re

from gage.clock import iso, now


def test_stamps_never_repeat_or_go_back():
    stamps = [now() for _ in range(1000)]
    assert stamps == sorted(set(stamps))


def test_a_clock_that_was_set_back_does_not_show(monkeypatch):
    before = now()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert before < now() < now()


def test_a_stamp_is_told_to_the_microsecond():
    assert iso(0) == "1970-01-01T00:00:00.000000Z"
    assert iso(1_763_726_400_000_001) == "2025-11-21T12:00:00.000001Z"
    assert iso(4_294_967_296_000_000) == "2106-02-07T06:28:16.000000Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", iso(now()))
