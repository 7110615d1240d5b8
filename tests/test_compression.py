import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.compression import FREE, compressing, decompressing
from gage.errors import StateError

ENDS = ["", ".gz", ".zst"]
SIZES = st.integers(0, 40_000)
PIECES = st.lists(st.builds(lambda noise, zeros: os.urandom(noise) + bytes(zeros), SIZES, SIZES))


def packed(pieces, end, free=FREE):
    to = io.BytesIO()
    with compressing(to, f"a{end}", free=free) as stream:
        for piece in pieces:
            stream.write(piece)
    return to.getvalue()


def unpacked(data, free=FREE):
    with decompressing(io.BytesIO(data), free=free) as stream:
        return b"".join(iter(lambda: stream.read(10_000), b""))


@pytest.mark.parametrize("end", ENDS)
@given(pieces=PIECES)
def test_what_was_written_is_read_however_it_grows(end, pieces):
    free = 50_000
    try:
        data = packed(pieces, end, free)
    except StateError:
        assert end and sum(map(len, pieces)) > free
    else:
        assert unpacked(data, free) == b"".join(pieces)


@pytest.mark.parametrize("end", ENDS)
def test_what_grows_a_hundred_times_is_written(end):
    pieces = [os.urandom(600) + bytes(60_000) for _ in range(2000)]
    assert sum(map(len, pieces)) > FREE
    assert len(unpacked(packed(pieces, end))) == sum(map(len, pieces))


@pytest.mark.parametrize("end", ENDS[1:])
def test_what_grows_beyond_measure_is_not_written(end):
    with pytest.raises(StateError, match="would grow beyond measure"):
        packed([bytes(1_000_000)] * 101, end)
