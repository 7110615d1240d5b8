from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gage import config_yaml as yaml
from gage.literal import UnreadableError, UnwritableError, rewrite
from gage.scalar import Scalar
from tests.rewriting import TRICKY, agree, changed, new_values, the, values


def load(text: str) -> Any:
    """What PyYAML reads; only lists, mappings and scalars that config knows."""
    return pyyaml.safe_load(text)


def is_yaml(text: str) -> bool:
    try:
        load(text)
    except pyyaml.YAMLError:
        return False
    return True


def is_scalar_text(text: str) -> bool:
    try:
        loaded = load(f"x: [{text}]")
    except (pyyaml.YAMLError, ValueError):
        return False
    items = loaded["x"] if isinstance(loaded, dict) else None
    one = len(items) == 1 and list(loaded) == ["x"] if isinstance(items, list) else False
    return one and isinstance(items[0], str | int | float | bool) and "\0" not in str(items[0])


FLOW_TEXTS = st.one_of(
    st.builds(
        lambda quotes, body: f"{quotes}{body}{quotes}",
        st.sampled_from(["'", '"', ""]),
        st.text(TRICKY.replace("\r", "").replace("\n", ""), max_size=8),
    )
    .filter(lambda text: text == text.strip())
    .filter(is_scalar_text),
    st.sampled_from(["1", "-2", "0x1F", "0o7", "1_0", "1:30", "1.5", "1e3", "1.0e+3", ".inf"]),
    st.sampled_from(["-.INF", ".nan", "yes", "No", "ON", "true", "False", "null", "~", "a b"]),
    st.sampled_from(['"a\\\n    b"', "'a\n\n    b'", "a\n    b"]),
)
BLOCK_TEXTS = st.sampled_from(
    [
        "|\n    a\n      b",
        "|-\n    a",
        "|+ # c\n    a\n\n",
        ">\n    a\n    b\n\n    c",
        ">-\n    a",
        "|2\n     a",
        "| # c\n\n    a #b\n",
        "",
    ]
)
DEEP_TEXTS = BLOCK_TEXTS.map(lambda text: text.replace("\n", "\n  "))
FLOWS = st.recursive(
    FLOW_TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[ {', '.join(items)}]"),
        inner.map('{{ a: {} , "b c": {{}}, d : x}}'.format),
    ),
    max_leaves=4,
)
SOURCES = (
    st.lists(
        st.one_of(
            st.builds("KEY: {}{}\n".format, FLOWS, st.sampled_from(["", "  # c"])),
            st.builds("KEY: {}\n".format, BLOCK_TEXTS),
            st.builds("KEY:  # c\n  é: {}\n  '#': [x]\n".format, BLOCK_TEXTS),
            st.builds("KEY:\n- {}\n-   - {}\n    - b\n".format, FLOWS, DEEP_TEXTS),
            st.just("KEY:\n- b: 1\n  c:\n-\n-  # d\n"),
            st.sampled_from(["# c\n", "\n", "   \n"]),
        ),
        min_size=1,
        max_size=4,
    )
    .map(lambda lines: "".join(line.replace("KEY", f"k{i}") for i, line in enumerate(lines)))
    .flatmap(lambda text: st.sampled_from([text, "---\n" + text, text.removesuffix("\n")]))
    .flatmap(lambda text: st.sampled_from([text, text.replace("\n", "\r\n")]))
    .filter(is_yaml)
)


@settings(max_examples=200)
@given(SOURCES, st.data())
def test_only_the_literal_changes(text: str, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()
    assert agree(yaml, source, load(text) or {})
    literals = yaml.parse(source).literals
    if literals:
        literal = data.draw(st.sampled_from(literals))
        value = data.draw(new_values(literal))
        after = changed(yaml, source, literal, value)
        assert agree(yaml, after, load(after.decode("utf-8-sig")))


@pytest.mark.parametrize(
    "old, value, new",
    [
        ("a", "hello world", "hello world"),
        ("a", "no", '"no"'),
        ("a", "1e3", '"1e3"'),
        ("a", "b: c", '"b: c"'),
        ("'a'", "it's", "'it''s'"),
        ("'a'", "b\n", '"b\\n"'),
        ('"a"', "b", '"b"'),
        ("1.5", 1e-05, "1.0e-05"),
        ("1.5", float("nan"), ".nan"),
        ("yes", False, "no"),
        ("True", False, "False"),
        ("OFF", True, "ON"),
        ("~", 3, "3"),
        ("3 ", -4, "-4 "),
        ("a\n  b", "c", "c"),
    ],
)
def test_a_literal_keeps_its_manner(old: str, value: Scalar, new: str) -> None:
    source = f"x: {old} # c\n".encode()
    assert changed(yaml, source, the(yaml, source, "x"), value) == f"x: {new} # c\n".encode()


@pytest.mark.parametrize(
    "old, value, new",
    [
        ("|\n  a\n  b\ny: 1\n", "c\n\n  d\n", "|\n  c\n\n    d\ny: 1\n"),
        ("| # c\n    a\n\n# d\n", "b", "|- # c\n    b\n\n# d\n"),
        ("|-\n  a\n", " b", '" b"\n'),
        ("> # c\n  a\n  b\n", "d", '"d" # c\n'),
        ("|\n  a", "b\n", '"b\\n"'),
        ("|\n  a\n  \n", "b\n", '"b\\n"\n  \n'),
    ],
)
def test_a_block_stays_a_block_where_it_can(old: str, value: str, new: str) -> None:
    source = f"x: {old}".encode()
    assert changed(yaml, source, the(yaml, source, "x"), value) == f"x: {new}".encode()


def test_a_value_can_be_written_where_nothing_stands_for_null() -> None:
    source = b"x:  # c\ny:\n-\n- {a: , b: 1}\n"
    for path, value in [(("x",), "a"), (("y", "0"), 1), (("y", "1", "a"), False)]:
        source = changed(yaml, source, the(yaml, source, *path), value)
    assert source == b"x: a  # c\ny:\n- 1\n- {a: false , b: 1}\n"


def test_what_an_alias_repeats_is_no_config() -> None:
    source = b"""
base: &b {lr: 1, deep: [2]}
copy: *b
more: {<<: *b, lr: 3}
list: [{<<: [*b, {x: 4}]}]
alone: &c {k: 5}
one: &d 6
two: *d
"""
    document = yaml.parse(source)
    assert values(yaml, source) == {"more.lr": 3, "alone.k": 5}
    assert "through an alias" in document.refused["base", "deep", "0"]
    assert "is an alias" in document.refused[("copy",)]
    assert "merge" in document.refused["more", "deep"]
    assert "merge" in document.refused["list", "0", "x"]
    assert {("one",), ("two",)} <= document.refused.keys()


def test_an_alias_bomb_is_harmless() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert values(yaml, "\n".join(lines).encode()) == {}


def test_a_recursive_alias_is_harmless() -> None:
    assert values(yaml, b"a: &a [1, *a]\nb: 2") == {"b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [x]",
        *["!a 1", "!!float 1", "!!binary aGk=", "2020-01-01", "!!set {a, b}", "=", "&a 1"],
    ],
)
def test_what_has_a_tag_or_another_type_is_no_config(text: str) -> None:
    document = yaml.parse(f"x: {text}\ny: 1\n".encode())
    assert [one.path for one in document.literals] == [("y",)]


def test_keys_that_are_written_alike_are_no_config() -> None:
    document = yaml.parse(b"2: a\n'2': b\non: c\n? [d]\n: e\n")
    assert [(one.path, one.value) for one in document.literals] == [(("on",), "c")]
    assert document.refused == {("2",): "stands more than once"}


@pytest.mark.parametrize(
    "source, line, trouble",
    [
        (b"a: 1\nb: 2\na: 3", 3, "again"),
        (b"1: 1\n0x1: 2", 2, "again"),
        (b"a: 1\n---\nb: 2", 3, "second document"),
        (b"a: [1,\nb: 2", 2, "not YAML"),
        (b"a: *b", 1, "alias"),
        (b"a: \x07", 1, "does not allow"),
        (b"a: 1\n\xff", 2, "UTF-8"),
        (b"a: " + b"[" * 5000, 0, "deeply"),
    ],
)
def test_what_is_no_yaml_is_refused(source: bytes, line: int, trouble: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        yaml.parse(source)
    assert (caught.value.line, trouble in caught.value.trouble) == (line, True)


def test_an_empty_file_has_no_config() -> None:
    assert yaml.parse(b"# nothing\n").literals == []


def test_a_lone_surrogate_cannot_be_said() -> None:
    source = b"x: a"
    with pytest.raises(UnwritableError):
        rewrite(yaml, source, yaml.parse(source), {("x",): "\ud800"})
