import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.shown import escaped, shown, shown_line


@given(st.binary(max_size=30))
def test_what_is_escaped_is_on_one_line_and_can_be_read_back(data):
    text = os.fsdecode(data)
    line = escaped(text)
    assert line.isprintable()
    # Python's own reading of such escapes; what is no UTF-8 is a surrogate in both.
    plain = line.encode("latin-1", "backslashreplace").decode("unicode_escape")
    assert plain == text


STEERING = "\x1b\x07\r\b\x00\x7f\x85\x9b\u202e\u2066\u200b\ufeff\ue000\u2028\udc80\U000e0041"
"""C0, DEL, C1, bidi, zero width, private use, a line end, no UTF-8, a tag."""


@pytest.mark.parametrize("c", STEERING)
def test_what_steers_or_is_unseen_is_escaped_whatever_it_is(c):
    assert shown_line(f"a{c}b") == shown(f"a{c}b") == f"a{ascii(c)[1:-1]}b"


def test_letters_of_all_languages_are_shown_as_they_are():
    text = "naïve Ωμέγα 日本語 عربى नमस्ते 🎉 é"
    assert shown(text) == shown_line(text) == text


@given(st.text(st.characters()))
def test_what_is_shown_cannot_move_a_cursor(text):
    told = shown(text)
    assert all(c.isprintable() or c == "\n" for c in told)
    told.encode()


def test_what_can_be_shown_is_shown_as_it_is():
    assert shown("Grüße, 日本") == "Grüße, 日本"
    assert shown("\x1b[31m\x07\r\u202e") == "\\x1b[31m\\x07\\r\\u202e"


def test_newlines_stay_lines_where_there_are_some():
    assert shown("a\n\tb") == "a\n\\tb"
    assert shown_line("a\n\tb") == "a\\n\\tb"
