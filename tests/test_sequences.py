import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.sequences import SEQUENCE, last_piece
from tests.bounded import bounded


@pytest.mark.parametrize(
    ("line", "stands"),
    [
        ("plain", "plain"),
        ("\x1b[31m", "\x1b[31m"),
        ("1%\r2%\r", "2%"),
        ("1%\r2%\r   \r", "2%"),
        ("\x1b[31m1%\r2%\r\x1b[0m", "\x1b[31m2%\x1b[0m"),
        ("\r \r", ""),
    ],
)
def test_what_was_written_last_stands_in_its_colour(line, stands):
    assert last_piece(line) == stands


@given(st.lists(st.sampled_from(["\x1b[31m", "\x1b[0m", "\x1b]0;t\x07", "a", " ", "\r"])))
def test_what_stands_is_the_last_piece_that_shows_anything(parts):
    line = "".join(parts)
    pieces = [SEQUENCE.sub("", piece) for piece in line.split("\r")]
    stands = SEQUENCE.sub("", last_piece(line))
    assert stands == next((piece for piece in pieces[::-1] if piece.strip()), pieces[0])


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[0;", "\x1b[31m\r", "x\r", "\x1b]0;a\x07"])
def test_a_long_line_takes_time_that_grows_with_its_length(piece):
    assert bounded(lambda: last_piece(piece * 20_000), seconds=5) == ""
