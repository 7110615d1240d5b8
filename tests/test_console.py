"""The evaluator of sessions must be able to fail, or what it passes means nothing."""

import time

import pytest

from tests.console import (
    SessionError,
    manual_sessions,
    markdown_sessions,
    parse_session,
    run_session,
)


@pytest.fixture
def check(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    return lambda text: run_session(parse_session(text.split("\n")), "some.md", str(here))


def test_what_is_printed_on_both_streams_is_compared(check):
    check("$ echo a; echo b >&2; echo c\na\nb\nc\n$ true\n$ printf x\nx")


def test_an_exit_status_stands_below(check):
    check("$ false\n[1]\n$ echo a; (exit 20)\na\n[20]\n$ true")


def test_a_command_sees_what_was_before_it(check):
    check(
        "$ x=1 && mkdir sub && cd sub\n$ echo $x ${PWD##*/}\n1 sub\n$ (exit 3)\n[3]\n$ echo $?\n3"
    )


def test_a_command_may_have_several_lines(check):
    check("$ for i in 1 2; do\n>   echo $i\n> done\n1\n2\n$ cat <<END\n> a\n>  b\n> END\na\n b")


def test_an_ellipsis_stands_for_anything_within_a_line_or_for_any_lines(check):
    check("$ echo begin 1 end\nbegin … end\n$ seq 9\n1\n…\n9\n$ seq 2\n1\n…\n2\n$ echo a\n…")


def test_an_empty_line_is_a_line(check):
    check("$ printf 'a\\n\\nb\\n'\na\n\nb\n\n$ true")


@pytest.mark.parametrize(
    "text",
    [
        "$ echo a\nb",
        "$ echo a",
        "$ true\na",
        "$ echo a; echo b\na",
        "$ echo a\na\nb",
        "$ echo 'a '\na",
        "$ printf 'a\\n\\n'\na",
        "$ false",
        "$ true\n[1]",
        "$ false\n[2]",
        "$ seq 2\n…1…2…",
        "$ seq 3\n1\n…\n2",
        "$ exit 0\n$ true",
        "$ exit 0",
        "$ if\n$ true",
        "$ true\n$ false\n$ true",
        "$ kill -9 $$",
    ],
)
def test_a_command_that_does_something_else_fails(check, text):
    with pytest.raises(SessionError):
        check(text)


def test_a_failure_says_where_and_what(check):
    with pytest.raises(SessionError) as caught:
        check("$ true\n$ echo a; (exit 2)\nb\n[1]")
    assert str(caught.value) == (
        "\nsome.md:2\n    $ echo a; (exit 2)\nexpected:\n    b\n    [1]\ngot:\n    a\n    [2]"
    )


def test_a_process_in_the_background_is_not_waited_for_and_not_left(check, tmp_path):
    check("$ sleep 1000 & echo $! >pid\n$ true")
    with open(tmp_path / "here" / "pid", encoding="ascii") as file:
        pid = int(file.read())
    while process_state(pid) not in ("gone", "Z"):
        time.sleep(0.01)


def test_sessions_stand_in_markdown_where_they_are_named_so():
    text = (
        "# Title\n\n```console\n$ true\n```\n\n```sh\n$ false\n```\n\n```console\n$ echo\n\n```\n"
    )
    assert [[c.line for c in session] for session in markdown_sessions(text)] == [[4], [12]]


def test_sessions_stand_among_the_examples_of_a_page_and_nowhere_else():
    text = (
        ".Sh DESCRIPTION\n.Bd -literal\n$ false\n.Ed\n.Sh EXAMPLES\nSay:\n"
        ".Bd -literal -offset indent\n$ printf \\(aqa\\en\\(aq\na\n.Ed\n"
        ".Bd -literal\nno session\n.Ed\n.Sh SEE ALSO\n.Bd -literal\n$ false\n.Ed\n"
    )
    assert manual_sessions(text) == [[(8, "printf 'a\\n'", ["a"], 0)]]


def test_a_session_begins_with_a_command():
    with pytest.raises(ValueError, match="line 3"):
        parse_session(["a"], 3)


def process_state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(") ")[2][0]
    except FileNotFoundError:
        return "gone"
