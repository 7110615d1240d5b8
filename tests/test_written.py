from hypothesis import given
from hypothesis import strategies as st

from gage.written import Piece, as_lines

pieces = st.lists(
    st.builds(
        Piece,
        st.integers(0, 9),
        st.sampled_from("oe"),
        st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\xff", b"x" * 70_000])).map(b"".join),
        st.just(0),
    )
)


@given(pieces)
def test_lines_are_all_that_each_stream_wrote_in_order(pieces):
    lines = list(as_lines(pieces))
    for stream in "oe":
        written = b"".join(piece.data for piece in pieces if piece.stream == stream)
        assert b"".join(line.data for line in lines if line.stream == stream) == written
    assert all(b"\n" not in line.data[:-1] for line in lines)
    assert all(0 < len(line.data) < 1 << 17 for line in lines)


@given(pieces)
def test_a_line_is_whole_unless_it_is_long_or_the_last_of_its_stream(pieces):
    lines = list(as_lines(pieces))
    for at, line in enumerate(lines):
        last = all(later.stream != line.stream for later in lines[at + 1 :])
        assert line.data.endswith(b"\n") or len(line.data) >= 1 << 16 or last


def test_a_line_has_the_time_of_its_first_byte_and_comes_when_it_ends():
    pieces = [Piece(1, "o", b"a"), Piece(2, "e", b"b\nc"), Piece(3, "o", b"d\n\n")]
    assert list(as_lines(pieces)) == [
        Piece(2, "e", b"b\n"),
        Piece(1, "o", b"ad\n"),
        Piece(3, "o", b"\n"),
        Piece(2, "e", b"c"),
    ]


def test_what_is_missing_comes_in_its_place():
    pieces = [Piece(1, "o", b"a"), Piece(2, None, b"", 7), Piece(3, "o", b"b\n")]
    assert list(as_lines(pieces)) == [Piece(2, None, b"", 7), Piece(1, "o", b"ab\n")]
