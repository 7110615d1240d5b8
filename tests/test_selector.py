import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import ConfigError
from gage.selector import files_of, format_file_key, format_key, parse_selector, takes

PATHS = st.lists(
    st.one_of(st.text(max_size=4), st.sampled_from(["a", "", "*", ".", '"', "a.b", "a#b", " "])),
    min_size=1,
    max_size=3,
).map(tuple)


@given(PATHS, PATHS)
def test_a_key_as_text_selects_itself_and_no_other(
    path: tuple[str, ...], other: tuple[str, ...]
) -> None:
    key = format_key(path)
    assert "\n" not in key
    selector = parse_selector(f"a.py#{key}")
    assert takes(selector, path)
    assert takes(selector, other) == (path == other) == (format_key(other) == key)


@pytest.mark.parametrize(
    "pattern, taken, left",
    [
        ("*", ["a", "b"], ["a.b"]),
        ("x_*", ["x_1"], ["x", "y.x_1", "x_1.y"]),
        ("db.*", ["db.host"], ["db", "db.a.b"]),
        ("db.**", ["db.host", "db.a.b"], ["dba"]),
        ("**.lr", ["lr", "a.lr", "a.b.lr"], ["lr.a", "xlr"]),
        ("a.**.z", ["a.z", "a.b.c.z"], ["a.b"]),
        ("a?", [], ["ab"]),
        ('"*".x', ["*.x"], ["a.x"]),
    ],
)
def test_a_star_stays_in_its_level_and_two_do_not(
    pattern: str, taken: list[str], left: list[str]
) -> None:
    selector = parse_selector(f"f.py#{pattern}")
    assert [key for key in taken + left if takes(selector, tuple(key.split(".")))] == taken


def test_a_path_that_holds_what_separates_is_quoted() -> None:
    assert format_file_key("a/b.py", "x") == "a/b.py#x"
    assert format_file_key("a #.py", "x") == '"a #.py"#x'
    selector = parse_selector('-"a #.py"#x')
    assert (selector.excludes, selector.file, takes(selector, ("x",))) == (True, "a #.py", True)


@pytest.mark.parametrize(
    "text",
    [
        *["", "-", ".", "#x", "/etc/x.py", "../x.py", "a/../../x.py"],
        *["x.py#", "x.py#a..b", 'x.py#"a', 'x.py#"a"b', '"x.py"y'],
        *['"a\\u0000b.py"', '-"a\\u0000*"#x', "a\0b.py", '"\\ud800.py"'],
    ],
)
def test_a_selector_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_selector(text)
    assert text in caught.value.message


@pytest.fixture
def tree(tmp_path: Path) -> str:
    for name in [
        "a.yaml",
        "conf/b.yaml",
        "conf/c.txt",
        "conf/deep/d.yaml",
        "conf/.hidden.yaml",
        ".hide/e.yaml",
        "venv/pyvenv.cfg",
        "venv/f.yaml",
        "data/.nocopy",
        "data/g.yaml",
        "new\nline/h.yaml",
        os.fsdecode(b"\xff/i.yaml"),
    ]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "link").symlink_to("conf")
    (tmp_path / "conf/loop").symlink_to("..")
    return str(tmp_path)


@pytest.mark.parametrize(
    "pattern, files",
    [
        ("*.yaml", ["a.yaml"]),
        ("*/*.yaml", ["conf/b.yaml", "new\nline/h.yaml", "\udcff/i.yaml"]),
        ("conf/**/*.yaml", ["conf/b.yaml", "conf/deep/d.yaml"]),
        ("./conf/[bc].*", ["conf/b.yaml", "conf/c.txt"]),
        ("**/d.yaml", ["conf/deep/d.yaml"]),
        ("conf/**", ["conf/b.yaml", "conf/c.txt", "conf/deep/d.yaml"]),
        (".hide/*", [".hide/e.yaml"]),
        ("conf/.*.yaml", ["conf/.hidden.yaml"]),
        ("link/*", []),
        ("venv/*.yaml", []),
        ("**/g.*", []),
        ("*/missing", []),
        ("data/g.yaml", ["data/g.yaml"]),
    ],
)
def test_a_pattern_finds_files_where_source_may_be(
    tree: str, pattern: str, files: list[str]
) -> None:
    assert files_of(tree, parse_selector(pattern)) == files
