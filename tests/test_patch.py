import os

from hypothesis import example, given
from hypothesis import strategies as st

from gage.patch import (
    FilePatch,
    Hunk,
    format_patch,
    is_whole,
    line_counts,
    marked_lines,
    parse_patches,
    undo,
)

LINES = st.sampled_from([b"a", b"b = 1", b"", b"-- x", b"++ y", b"@@ -1 +1 @@", b"\xff\r", b"\\ n"])
TEXTS = st.lists(LINES).map(b"\n".join)
NAMES = st.text(st.sampled_from('a /"\\\n\r\t\x7f\u20ac\udcff'), min_size=1)


@given(TEXTS, TEXTS, NAMES)
@example(b"x", b"", "a")
@example(b"", b"x", "a")
@example(b"x\n" * 9, b"x\n" * 9 + b"y", "a")
def test_what_a_patch_changed_is_undone(before, after, path):
    name = os.fsencode(path)
    patches = parse_patches(format_patch(name, name, before, after))
    assert len(patches) == (before != after)
    for patch in patches:
        assert patch.path == path
        assert undo(patch, after) == before


def test_patches_are_read_in_their_order_and_told_apart_by_file():
    one = format_patch(b"a b\xff.py", b"a b\xff.py", b"--- x\n", b"--- y\n")
    other = format_patch(b"c.py", b"c.py", b"1\n", b"2\n3")
    assert parse_patches(one + other + one) == [
        FilePatch("a b\udcff.py", (Hunk(0, (b"--- x\n",), (b"--- y\n",)),)),
        FilePatch("c.py", (Hunk(0, (b"1\n",), (b"2\n", b"3")),)),
        FilePatch("a b\udcff.py", (Hunk(0, (b"--- x\n",), (b"--- y\n",)),)),
    ]


def test_what_a_patch_did_not_make_is_not_undone():
    patch = FilePatch("a", (Hunk(1, (b"old\n",), (b"new\n",)),))
    assert undo(patch, b"1\nnew\n3\n") == b"1\nold\n3\n"
    assert undo(patch, b"1\nother\n3\n") is None
    assert undo(patch, b"1") is None


@given(st.binary())
@example(b"--- a\n+++ a\n@@ -1,99999999999 +1,99999999999 @@\n-x\n")
@example(b"@@ -1 +1 @@\n-x\n+y\n")
@example(b"--- a\n+++ a\n@@ -1,%b +1 @@\n-x\n" % (b"9" * 5000))
def test_any_bytes_are_read(data):
    for patch in parse_patches(data):
        undo(patch, data)
    is_whole(data)
    line_counts(data)


@given(TEXTS, TEXTS, NAMES)
def test_what_was_formatted_is_whole(before, after, path):
    patch = format_patch(os.fsencode(path), os.fsencode(path), before, after)
    assert is_whole(patch * 2) == (before != after)


def test_a_patch_that_was_cut_is_not_whole():
    patch = format_patch(b"a", b"a", b"1\n2\n3\n", b"1\n3\n4\n")
    lines = patch.splitlines(keepends=True)
    for count in range(len(lines)):
        assert not is_whole(b"".join(lines[:count]))
        assert not is_whole(b"".join(lines[:count]) + b"\n" + patch)
    assert not is_whole(b"garbage\n" + patch)


def test_a_line_that_looks_like_a_head_is_what_it_is():
    old, new = b"a\n-- b\n\nc", b"a\n++ b\n\nc\nd"
    text = (format_patch(b"a/x", b"b/x", old, new) * 2).decode()
    marks = [mark for mark, _ in marked_lines(text)]
    assert marks == [*["@", "@", "@", "", "-", "+", "", "-", "", "+", "+", ""] * 2, ""]
    assert "\n".join(line for _, line in marked_lines(text)) == text


@given(st.text("-+@ \\\nab0,123"))
def test_any_text_has_its_lines_marked(text):
    assert "\n".join(line for _, line in marked_lines(text)) == text


def test_the_lines_that_a_patch_adds_and_removes_are_counted():
    old, new = b"a\n-- b\nc\n", b"a\n++ b\nc\nd"
    data = format_patch(b"a/x y", b"b/x y", old, new)
    data += format_patch(b"a/gone", b"/dev/null", b"1\n2\n", b"")
    data += format_patch(b"/dev/null", b"b/new", b"", b"1")
    assert line_counts(data) == [("b/x y", 2, 1), ("a/gone", 0, 2), ("b/new", 1, 0)]
    assert line_counts(b"no patch\n--- a\n") == []
