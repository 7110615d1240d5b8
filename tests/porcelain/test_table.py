from hypothesis import given
from hypothesis import strategies as st

from gage.porcelain.table import cut, display_width, table_lines
from tests.bounded import bounded


def test_columns_are_two_spaces_apart_and_lines_end_without_any():
    columns = [["a", "bbb"], ["cc", "d"], ["", "e"]]
    assert list(table_lines(columns)) == ["a    cc", "bbb  d   e"]


def test_a_table_of_nothing_has_no_lines():
    assert list(table_lines([[], []])) == []


def test_wide_characters_take_their_room():
    assert list(table_lines([["日本", "a"], ["x", "y"]])) == ["日本  x", "a     y"]
    assert display_width("e\u0301日") == 3
    assert display_width("ก็") == 1


def test_what_does_not_fit_is_cut_with_an_ellipsis():
    columns = [["aaa", "b"], ["ccc", "ddd"], ["eee", ""]]
    assert list(table_lines(columns, width=10)) == ["aaa  ccc …", "b    ddd"]
    assert list(table_lines(columns, width=13)) == ["aaa  ccc  eee", "b    ddd"]
    assert list(table_lines(columns, width=2)) == ["a…", "b…"]
    assert cut("日本語", 4) == "日…"
    assert cut("abc", 0) == ""


def cut_slowly(text, width):
    if display_width(text) <= width:
        return text
    while text and display_width(text) >= width:
        text = text[:-1]
    return text + "…" if width > 0 else ""


@given(st.text("aé日\u0301\u0e47", max_size=12), st.integers(0, 12))
def test_as_much_is_left_as_fits(text, width):
    assert cut(text, width) == ("" if width == 0 else cut_slowly(text, width))


def test_of_a_long_line_no_more_is_looked_at_than_is_shown():
    text = "é" + "x" * 3_000_000
    assert bounded(lambda: cut(text, 80)) == ""
    assert cut(text, 80) == "é" + "x" * 78 + "…"


def test_colour_takes_no_room():
    paint = {1: lambda text: f"<{text}>"}
    lines = list(table_lines([["a", "b"], ["c", "d"], ["e", "f"]], width=7, paint=paint))
    assert lines == ["a<  c>  e", "b<  d>  f"]


def test_a_cell_is_one_line_of_what_can_be_seen():
    assert list(table_lines([["a\nb\x1b[2J\t"], ["c"]])) == ["a\\nb\\x1b[2J\\t  c"]
