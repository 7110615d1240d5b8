import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import ConfigError
from gage.flags import parse_value
from gage.scalar import format_value, same
from gage.sequence import LIMIT, is_sequence, parse_sequence


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[0.1,0.01]", ["0.1", "0.01"]),
        ("[ 1 ,  2 ]", ["1", "2"]),
        ("[one]", ["one"]),
        ("[null, yes]", ["null", "yes"]),
        ("[\"a, b\", 'it''s', \"]\"]", ['"a, b"', "'it''s'", '"]"']),
        (r'["a\"b", 1]', [r'"a\"b"', "1"]),
        ("[it's, that's]", ["it's", "that's"]),
        ("[a[0], b[1,2]]", ["a[0]", "b[1,2]"]),
        ("range[0:1:0.5]", ["0", "0.5", "1"]),
        ("range[0:3]", ["0", "1", "2", "3"]),
        ("range[3:0:-2]", ["3", "1"]),
        ("range[0.1:0.3:0.1]", ["0.1", "0.2", "0.3"]),
        ("range[1e-3:3e-3:1e-3]", ["0.001", "0.002", "0.003"]),
        ("range[ 0 : 100 : 50 ]", ["0", "50", "100"]),
        ("linspace[0:1:5]", ["0", "0.25", "0.5", "0.75", "1"]),
        ("linspace[2:9:1]", ["2"]),
        ("logspace[-4:-1:4]", ["0.0001", "0.001", "0.01", "0.1"]),
        ("logspace[-5:-5:1]", ["1e-05"]),
    ],
)
def test_a_sequence_stands_for_its_values(text, values):
    assert is_sequence(text)
    assert parse_sequence(text) == values


@pytest.mark.parametrize(
    "text",
    ["", "a", "[a", "a]", "[a][b]", "[a]b", "x[a]", "range", "range[1:2", '"[a]"', "['[a]", '["a]'],
)
def test_any_other_text_is_a_value(text):
    assert not is_sequence(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "[]: a sequence without a value"),
        ("[ ]", "[ ]: a sequence without a value"),
        ("[1,,2]", "[1,,2]: value 2 is missing"),
        ("[1,]", "[1,]: value 2 is missing"),
        ("[[1],2]", "[[1],2]: [1]: a sequence cannot hold another"),
        ("[range[0:1], 2]", "[range[0:1], 2]: range[0:1]: a sequence cannot hold another"),
        ('["a" b]', '["a" b]: "a" b: unexpected text behind the quotes'),
        ("range[0:1:0]", "range[0:1:0]: a step of zero never arrives"),
        ("range[0:1:-1]", "range[0:1:-1]: no value from 0 to 1 by steps of -1"),
        ("range[1]", "range[1]: expected two or three numbers"),
        ("range[0:x]", "range[0:x]: x: expected a number"),
        ("range[0:]", "range[0:]: nothing: expected a number"),
        ("range[0:nan]", "range[0:nan]: nan: expected a number"),
        ("linspace[0:1]", "linspace[0:1]: expected three numbers"),
        ("linspace[0:1:0]", "linspace[0:1:0]: 0: expected how many values"),
        ("linspace[0:1:1.5]", "linspace[0:1:1.5]: 1.5: expected how many values"),
        ("logspace[0:400:2]", "logspace[0:400:2]: too large for a number"),
        (
            "range[1:1e9]",
            "range[1:1e9]: makes 1,000,000,000 trials, and a batch has 10,000 at most",
        ),
        ("linspace[0:1:20000]", "linspace[0:1:20000]: makes 20,000 trials"),
    ],
)
def test_a_sequence_that_makes_no_sense_says_so(text, message):
    assert is_sequence(text)
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_sequence(text)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.text().filter(lambda text: "\0" not in text),
)


@given(st.lists(SCALARS, min_size=1, max_size=5))
def test_values_that_are_written_into_a_sequence_are_read_from_it(values):
    text = f"[{', '.join(_written(value) for value in values)}]"
    assert is_sequence(text)
    read = [parse_value(item) for item in parse_sequence(text)]
    assert len(read) == len(values) and all(map(same, read, values))


def _written(value):
    """*value* as a person would write it into a sequence: with quotes where they are needed."""
    text = "null" if value is None else format_value(value)
    if isinstance(value, str) and not text.startswith('"'):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


@given(SCALARS)
def test_no_value_is_written_as_a_sequence(value):
    assert not is_sequence(format_value(value))


@given(st.text(alphabet="[]\"',ab \\:0", max_size=20))
def test_every_text_is_a_value_or_a_sequence_or_an_error_that_says_which(text):
    if is_sequence(text):
        try:
            assert all(parse_sequence(text))
        except ConfigError as error:
            assert error.message.startswith(text)


DECIMALS = st.decimals(-1000, 1000, places=3, allow_nan=False)


@given(DECIMALS, st.integers(0, 50), st.decimals("0.001", 10, places=3), st.booleans())
def test_a_range_is_exact_and_reaches_its_end(start, count, step, down):
    step = -step if down else step
    stop = start + count * step
    values = parse_sequence(f"range[{start}:{stop}:{step}]")
    assert [Decimal(value) for value in values] == [start + i * step for i in range(count + 1)]
    assert all("." not in value for value in values if Decimal(value) == int(Decimal(value)))


@given(st.integers(1, LIMIT), st.integers(-50, 50), st.integers(-50, 50))
def test_as_many_values_as_were_asked_for_are_evenly_spaced(count, start, stop):
    values = parse_sequence(f"linspace[{start}:{stop}:{count}]")
    assert len(values) == count
    assert float(values[0]) == start
    assert count == 1 or float(values[-1]) == stop
