import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.axis import mark_text, mark_texts, round_marks


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (1, 40, ["10", "20", "30", "40"]),
        (0.03, 0.96, ["0.2", "0.4", "0.6", "0.8"]),
        (-1, 1, ["-1", "-0.5", "0", "0.5", "1"]),
        (1e-5, 3e-5, ["1e-05", "1.5e-05", "2e-05", "2.5e-05", "3e-05"]),
        (7, 7, ["7"]),
    ],
)
def test_marks_are_round_numbers(low, high, marks):
    assert [mark_text(mark) for mark in round_marks(low, high)] == marks


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (10_000_000, 10_000_004, [f"1000000{n}" for n in range(5)]),
        (1_795_790_000, 1_795_790_020, [f"17957900{n}" for n in ("00", "05", "10", "15", "20")]),
        (
            0.1,
            0.1000001,
            ["0.1", "0.10000002", "0.10000004", "0.10000006", "0.10000008", "0.1000001"],
        ),
        (7, 7, ["7"]),
    ],
)
def test_marks_are_told_apart(low, high, texts):
    assert mark_texts(round_marks(low, high)) == texts


def test_steps_are_whole():
    assert round_marks(1, 4, whole=True) == [1, 2, 3, 4]
    assert round_marks(1, 3, 8, whole=True) == [1, 2, 3]


@given(*[st.floats(-1e300, 1e300)] * 2, st.integers(1, 12), st.booleans())
def test_marks_lie_on_the_axis_and_are_not_many(a, b, about, whole):
    low, high = sorted((a, b))
    marks = round_marks(low, high, about, whole=whole)
    assert 1 <= len(marks) <= 4 * about + 4
    assert marks == sorted(marks)
    room = (high - low) * 1e-6 + abs(low) * 1e-6
    assert low - room <= marks[0] and marks[-1] <= high + room
