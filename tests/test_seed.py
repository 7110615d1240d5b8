"""The evaluator of seeds must be able to fail, or what it passes means nothing."""

import os

import pytest

from tests.seed import SeedError, parse_seed, run_seed


@pytest.fixture
def check(tmp_path):
    return lambda text: run_seed(text, "some.md", str(tmp_path))


def test_prose_and_unmarked_lines_are_not_run(check):
    assert check("Prose.\n\n>>> 1/0\n\n    >> 1/0\n    x = >>> 1\n") == 0


def test_an_example_ends_at_a_blank_line_or_at_the_next(check):
    assert check("    >>> x = 1\n    >>> x\n    1\n    >>> x + 1\n    2\n\n    prose\n") == 3


def test_a_value_is_shown_as_python_shows_it_and_none_is_not(check):
    check("    >>> 'a'\n    'a'\n    >>> None\n    >>> print('a')\n    a\n")


def test_every_expression_of_an_example_is_shown(check):
    check("    >>> 1; 2\n    1\n    2\n")


def test_a_continued_example_keeps_its_lines_and_their_margin(check):
    check(
        '    >>> print("""a\n    ...   b\n    ...\n    ... c""")\n    a\n      b\n    ...\n    c\n'
    )
    check("    >>> def twice(x):\n    ...     return 2 * x\n\n    >>> twice(2)\n    4\n")


@pytest.mark.parametrize(
    "text",
    [
        "    >>> 1\n    2\n",
        "    >>> 1\n",
        "    >>> x = 1\n    1\n",
        "    >>> print('a')\n    a\n    b\n",
        "    >>> print('a'); print('b')\n    a\n",
        "    >>> print('a ')\n    a\n",
        "    >>> print('a', end='\\n\\n')\n    a\n",
        "    >>> 1/0\n",
        "    >>> assert False\n",
        "    >>> x = = 1\n",
        "    >>> print('a')\n    a...b\n",
        "    >>> print('a\\nb')\n    a...b\n",
        "    >>> print('a')\n    ...\n    b\n",
        "    >>> print('{x}')\n    {y}\n",
        "    >>> print('1')  # +parse\n    {x:d}{y:d}\n",
        "    >>> print('a')  # +parse\n    {x:d}\n",
        "    >>> print('1 2')  # +parse\n    {x:d} {x:d}\n",
        "    >>> write('a', 'a')\n    >>> cat('a')\n    b\n",
        "    >>> write('a', 'a')\n    >>> ls()\n",
        "    >>> run('true')\n",
        "    >>> run('false')\n    <exit 0>\n",
        "    >>> run_capture('false')\n    ''\n",
    ],
)
def test_an_example_that_does_something_else_fails(check, text):
    with pytest.raises(SeedError):
        check(text)


def test_dots_stand_for_anything_within_a_line_or_for_any_lines(check):
    check("    >>> print('begin 1 end')\n    begin ... end\n")
    check("    >>> print('a\\nb\\nc')\n    a\n    ...\n    c\n")
    check("    >>> print('a\\nc')\n    a\n    ...\n    c\n")
    check("    >>> print('a\\nb\\nc')\n    a\n    ...\n")


def test_parsed_values_become_variables_of_their_kind(check):
    check(
        "    >>> print('at 12 of 1.5: say it, a_1')  # +parse\n"
        "    at {n:d} of {x:f}: {told}, {word:w}\n\n"
        "    >>> n, x, told, word\n    (12, 1.5, 'say it', 'a_1')\n"
    )


def test_a_failure_says_where_and_what(check):
    with pytest.raises(SeedError, match=r"some\.md:3\n    1 \+ 1\nexpected:\n    3\ngot:\n    2"):
        check("# Title\n\n    >>> 1 + 1\n    3\n")
    with pytest.raises(SeedError, match=r"(?m)^-3\n\+2$"):
        check("    >>> 1 + 1  # +diff\n    3\n")


def test_an_unknown_option_or_kind_is_not_passed_over():
    with pytest.raises(ValueError, match="line 2: no such option"):
        parse_seed("\n    >>> 1  # +skip\n    1\n")
    with pytest.raises(ValueError, match="no such kind"):
        run_seed("    >>> 1  # +parse\n    {x:q}\n", "some.md", os.curdir)


def test_files_are_listed_by_their_path_with_modes_and_targets(check):
    check(
        "    >>> import os\n    >>> os.mkdir('b'); os.mkdir('empty')\n"
        "    >>> write('b/x', ''); write('a', ''); os.symlink('b', 'c')\n"
        "    >>> ls('.')\n    a\n    b/x\n    c -> b\n\n"
        "    >>> ls('b', permissions=True)\n    -rw-rw-r-- x\n"
    )


def test_a_command_shows_both_streams_and_its_exit_status(check):
    check(
        "    >>> run('echo out; echo err >&2; exit 3')\n    out\n    err\n    <exit 3>\n"
        "    >>> run('true')\n    <exit 0>\n    >>> run('echo a')\n    a\n"
        "    >>> run_capture('echo a; echo b >&2')\n    'a'\n"
    )


def test_python_is_the_one_that_runs_the_tests(check):
    check("    >>> run_capture('python -c \"import pytest; print(1)\"')\n    '1'\n")


def test_the_process_is_afterwards_where_it_was(check):
    before = os.getcwd(), dict(os.environ), os.umask(0o022)
    try:
        check("    >>> cd(make_temp_dir())\n    >>> import os\n    >>> os.environ['X'] = '1'\n")
        assert (os.getcwd(), dict(os.environ), os.umask(0o022)) == (before[0], before[1], 0o022)
    finally:
        os.umask(before[2])
