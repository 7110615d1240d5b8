"""Patterns select as .gitignore excludes; the last one that matches wins."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathspec import PathSpec

from gage.errors import ConfigError
from gage.patterns import (
    compile_patterns,
    literal,
    matchable,
    may_select_in,
    naming,
    parse_patterns,
)
from tests.test_manifest import paths


@pytest.mark.parametrize(
    ("patterns", "path", "selected"),
    [
        (["*.py"], "a.py", True),
        (["*.py"], "deep/er/a.py", True),
        (["*.py"], "a.pyc", False),
        (["/*.py"], "deep/a.py", False),
        (["src/**"], "src/a/b", True),
        (["src/**"], "lib/src/a", False),
        (["src/"], "lib/src/a", True),
        (["a/**/z"], "a/b/c/z", True),
        (["*"], ".hidden", True),
        (["*", "-*.csv"], "data/a.csv", False),
        (["*", "-*.csv", "keep.csv"], "data/keep.csv", True),
        (["*.py", "-scratch/"], "scratch/a.py", False),
        (["*.py", "-scratch/", "scratch/keep.py"], "scratch/keep.py", True),
        (["-*.py", "*"], "a.py", True),
        (["\\-a"], "-a", True),
        (["#a"], "#a", True),
        (["*", "!a"], "a", False),
        (["\\!a"], "!a", True),
        ([" a"], " a", True),
        (["a/ b/*"], "a/ b/c", True),
        (["a[0-9]"], "a7", True),
        (["*.py"], "a.py\n", False),
        (["*.py"], "new\nline/a.py", True),
        (["**/a.py"], "new\nline/a.py", True),
        (["a\nb"], "a\nb", True),
        (["*"], b"\xff".decode("utf-8", "surrogateescape"), True),
    ],
)
def test_patterns_select(patterns, path, selected):
    assert compile_patterns(patterns)(path) is selected


@given(paths)
@example("a ")
@example("a\\ ")
@example("\ta\t")
@example(" ")
@example("-x")
@example("!#")
def test_the_literal_pattern_of_a_path_selects_it_alone(path):
    selects = compile_patterns([literal(path)])
    assert selects(path)
    assert not selects(path + "x")
    assert not selects("x" + path)
    assert not selects("x/" + path)


@pytest.mark.parametrize("pattern", ["", " ", "-", "!", "\\", "x[z-a]", "**/a[b--]?"])
def test_what_is_no_pattern_is_refused_by_name(pattern):
    with pytest.raises(ConfigError) as caught:
        compile_patterns(["*", pattern])
    assert repr(pattern) in caught.value.message


def test_a_set_that_python_would_warn_of_is_a_set():
    assert compile_patterns(["x/a[[b]"])("x/a[")


RELATIVE_PATHS = st.builds(
    lambda parts, end: "/".join(parts) + end,
    st.lists(st.text("ab.-\n", min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)


@given(st.text("ab.*-", min_size=1, max_size=6), RELATIVE_PATHS)
@example("*.py", "part/a.py")
@example("a*b", "ab/")
def test_a_mere_name_matches_as_in_gitignore(pattern, path):
    try:
        (theirs,) = PathSpec.from_lines("gitignore", [pattern]).patterns
    except ValueError:
        return
    (ours,) = parse_patterns([f"!{pattern}"])
    path = matchable(path)
    assert ours.matches(path) == (theirs.match_file(path) is not None)


@given(st.text(max_size=8))
def test_any_text_is_a_pattern_or_refused(text):
    try:
        selects = compile_patterns([text])
    except ConfigError:
        return
    assert selects("a/b") in (True, False)


@pytest.mark.parametrize(
    ("patterns", "folder", "may"),
    [
        (["*.py"], "any/where", True),
        (["src/*.py"], "src", True),
        (["src/*.py"], "lib", False),
        (["src/*.py"], "src/inner", True),
        (["s*/x"], "src", True),
        (["**/x"], "any", True),
        (["a/b/c"], "a", True),
        (["a/b/c"], "a/x", False),
        (["*.py", "-scratch/"], "scratch", False),
        (["*.py", "-scratch/"], "scratch/deeper", False),
        (["*.py", "-scratch/", "scratch/keep.py"], "scratch", True),
        (["*.py", "-scratch/", "/other"], "scratch", False),
        (["*.py", "-scratch/", "*.txt"], "scratch", True),
    ],
)
def test_no_directory_is_entered_in_vain(patterns, folder, may):
    assert may_select_in(parse_patterns(patterns), folder) is may


@given(st.lists(st.text("ab*/-", min_size=1, max_size=6), min_size=1, max_size=3), st.data())
def test_no_directory_that_holds_a_selected_file_is_passed_by(lines, data):
    parts = data.draw(st.lists(st.sampled_from(["a", "b", "ab"]), min_size=2, max_size=4))
    try:
        patterns = parse_patterns(lines)
        selected = compile_patterns(lines)("/".join(parts))
    except ConfigError:
        return
    if selected:
        for depth in range(1, len(parts)):
            assert may_select_in(patterns, "/".join(parts[:depth]))


@pytest.mark.parametrize(
    ("pattern", "folder", "names"),
    [
        (".github/**", ".github", True),
        ("/.github/workflows/ci.yml", ".github", True),
        (".github", ".github", True),
        (".github/", ".github", True),
        (".github/**", ".github/.inner", False),
        ("a/.b/c", "a/.b", True),
        ("a/.b/c", ".b", False),
        ("*", ".github", False),
        ("**/x", ".github", False),
        (".git*/x", ".github", False),
        ("*/x", ".github", False),
        ("\\.github/x", ".github", True),
    ],
)
def test_a_directory_is_named_by_a_path_that_leads_to_it(pattern, folder, names):
    assert bool(naming(parse_patterns([pattern]), folder)) is names


def test_what_excludes_stays_where_only_some_patterns_select():
    patterns = naming(parse_patterns(["*.py", ".x/**", "-*.csv"]), ".x")
    assert [pattern.text for pattern in patterns] == [".x/**", "-*.csv"]
