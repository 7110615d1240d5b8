import html
import re

from hypothesis import given
from hypothesis import strategies as st

from gage.markup import as_lines, as_text, terminal_text


def shown(markup):
    """The text that a browser shows of *markup*."""
    return html.unescape(re.sub("<[^<>]*>", "", markup))


def test_text_is_shown_and_does_nothing():
    assert as_text("<b a='\"&") == "&lt;b a=&#x27;&quot;&amp;"
    assert as_text("a\nb\x1b[2J\u202e\udcff\0") == "a\\nb\\x1b[2J\\u202e\\udcff\\x00"
    assert as_lines("a\n\tb\r<") == "a\n\tb\\r&lt;"


def test_colours_become_classes():
    assert terminal_text(b"a\x1b[31mred\x1b[1mbold\x1b[0m\x1b[92mg\x1b[39m.\n") == (
        'a<span class="f1">red</span><span class="b f1">bold</span><span class="f10">g</span>.\n'
    )
    assert terminal_text(b"\x1b[38;5;31;1mx\x1b[38;2;31;31;31my\x1b[22mz\x1b[mw") == (
        '<span class="b">x</span><span class="b">y</span>zw'
    )


def test_what_moves_the_cursor_is_left_out():
    data = b"a\x1b[2J\x1b]0;title\x07\x1b[?25lb\x1b]8;;http://x\x1b\\c\x1bMd\x1b7"
    assert terminal_text(data) == "abcd"
    assert terminal_text(b"half \x1b[3") == "half \\x1b[3"
    assert terminal_text(b"\xff\x00\x9b") == "\\xff\\x00\\x9b"


def test_a_line_that_was_written_over_is_shown_as_it_stood_last():
    assert terminal_text(b"10%\r50%\r100%\r\ndone\r\n") == "100%\ndone\n"
    assert terminal_text(b"10%\r50%\r") == "50%"


@given(st.binary() | st.text(alphabet="\x1b[]0;1mHJ<>&'\"/=script \r\n\t").map(str.encode))
def test_no_output_makes_an_element_of_its_own(data):
    markup = terminal_text(data)
    assert (
        set(re.findall("<[^>]*>?", re.sub(r'<span class="[bf0-9 ]+">|</span>', "", markup)))
        == set()
    )
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f]", markup) is None
    markup.encode()


@given(st.text(st.characters()))
def test_a_text_is_one_line_and_good_in_an_attribute(text):
    markup = as_text(text)
    assert not set("<>\"'\n") & set(markup)
    if text.isprintable():
        assert shown(markup) == text
