import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage import config_json
from gage.literal import UnreadableError
from tests.rewriting import FLOATS, INTS, STRINGS, agree, changed, new_values, the

SCALARS = st.one_of(STRINGS, INTS, FLOATS, st.booleans(), st.none())
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(STRINGS, inner, max_size=3)
    ),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict | list))
SOURCES = st.builds(
    lambda value, indent, ascii, mark, newline: (
        mark + json.dumps(value, indent=indent, ensure_ascii=ascii).replace("\n", newline).encode()
    ),
    DOCUMENTS,
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
    st.sampled_from([b"", b"\xef\xbb\xbf", b" \r\n"]),
    st.sampled_from(["\n", "\r\n", " \n"]),
)


@settings(max_examples=150)
@given(SOURCES, st.data())
def test_only_the_literal_changes(source: bytes, data: st.DataObject) -> None:
    assert agree(config_json, source, json.loads(source.removeprefix(b"\xef\xbb\xbf")))
    literals = config_json.parse(source).literals
    if literals:
        literal = data.draw(st.sampled_from(literals))
        after = changed(config_json, source, literal, data.draw(new_values(literal)))
        assert source.isascii() <= after.isascii()


def test_every_string_can_be_said_lone_surrogates_too() -> None:
    source = '{"é": "\\ud800"}'.encode()
    assert changed(config_json, source, the(config_json, source, "é"), "\udc80") == (
        '{"é": "\\udc80"}'.encode()
    )


def test_what_python_writes_for_nan_and_infinity_is_read_and_written() -> None:
    source = b"[NaN, -Infinity, Infinity]"
    after = changed(config_json, source, the(config_json, source, "0"), math.inf)
    assert after == b"[Infinity, -Infinity, Infinity]"


@pytest.mark.parametrize(
    "source, line, trouble",
    [
        (b'{\n"a": 1,\n"a": 2}', 3, "again"),
        (b'{\n"a" 1}', 2, "expected `:`"),
        (b"[1,]", 1, "expected a value"),
        (b"[1,\n2", 2, "expected `,` or `]`"),
        (b'{"a": 1,}', 1, "expected a key"),
        (b"{a: 1}", 1, "expected a key"),
        (b"[01]", 1, "expected `,`"),
        (b'["a\nb"]', 1, "control character"),
        (b'["a', 1, "Unterminated"),
        (b"1\n2", 2, "more text"),
        (b"", 1, "expected a value"),
        (b'\n"\xff"', 2, "UTF-8"),
        (b"[" * 100_000, 0, "deeply"),
        (b"[" + b"1" * 5000 + b"]", 1, "digits"),
    ],
)
def test_what_is_no_json_is_refused(source: bytes, line: int, trouble: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        config_json.parse(source)
    assert (caught.value.line, trouble in caught.value.trouble) == (line, True)


@given(st.text('{}[]",: \n1eE.-+tnNI\\u0', max_size=12))
def test_what_the_standard_reader_refuses_is_refused(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        with pytest.raises(UnreadableError):
            config_json.parse(text.encode())
