import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage import config_toml as toml
from gage.literal import UnreadableError, UnwritableError, rewrite
from gage.scalar import Scalar
from tests.rewriting import TRICKY, agree, changed, new_values, the, values


def is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except ValueError:
        return False
    return True


STRING_TEXTS = st.builds(
    lambda quotes, body: f"{quotes}{body}{quotes}",
    st.sampled_from(["'", '"', "'''", '"""']),
    st.text(TRICKY.replace("\r", ""), max_size=10),
).filter(lambda text: is_toml(f"x = [{text}]"))
VALUES = st.recursive(
    st.one_of(
        STRING_TEXTS,
        st.sampled_from(["0", "+1", "-1_000", "0xFf", "0o7", "1e5", "-0.0", "inf", "+nan"]),
        st.sampled_from(["true", "false", "1.5", "'''\n'x''''", '"""\\\n  a"b"""']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ # c'\n" + " ,\n".join(items) + "]"),
        inner.map("{{k . 'q.r' = {}}}".format),
        st.tuples(inner, inner).map(lambda items: "{{a={}, b.c = {} }}".format(*items)),
    ),
    max_leaves=4,
)
LINES = st.one_of(
    st.builds(
        "{} ={}{}\n".format,
        st.sampled_from(["a", "b.c", "'d.e'", '"f\\t" . g', "1", '"é"']),
        VALUES.map(" {}".format),
        st.sampled_from(["", "  # c", "\t# '\"["]),
    ),
    st.sampled_from(["[t]\n", "[ t . u ] # c\n", "[[s]]\n", "[[s.r]]\n", "[s.q]\n", "# c\n", "\n"]),
)
SOURCES = (
    st.lists(LINES, max_size=6)
    .map("".join)
    .filter(is_toml)
    .flatmap(
        lambda text: st.sampled_from([text, text.replace("\n", "\r\n"), text.removesuffix("\n")])
    )
    .filter(is_toml)
)


@settings(max_examples=150)
@given(SOURCES, st.data())
def test_only_the_literal_changes(text: str, data: st.DataObject) -> None:
    source = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()
    assert agree(toml, source, tomllib.loads(text))
    literals = toml.parse(source).literals
    if literals:
        literal = data.draw(st.sampled_from(literals))
        changed(toml, source, literal, data.draw(new_values(literal, "null")))


@pytest.mark.parametrize(
    "old, value, new",
    [
        ("'a'", "b\\c", "'b\\c'"),
        ("'a'", "it's", '"it\'s"'),
        ('"a"', 'q"\n', '"q\\"\\n"'),
        ('"""\na"""', "b\nc", '"""\nb\nc"""'),
        ('"""a"""', "\nb", '"""\n\nb"""'),
        ('"""a"""', '""" "', '"""\\"\\"" \\""""'),
        ("'''a'''", "b\nc", "'''b\nc'''"),
        ("'''a'''", "b'", '"""b\'"""'),
        ("1.5", 1e-05, "1e-05"),
        ("1.5", float("nan"), "nan"),
        ("0x10", 17, "17"),
        ("true", False, "false"),
    ],
)
def test_a_literal_keeps_its_manner(old: str, value: Scalar, new: str) -> None:
    source = f"x = {old} # c\n".encode()
    assert changed(toml, source, the(toml, source, "x"), value) == f"x = {new} # c\n".encode()


def test_the_items_of_arrays_of_tables_are_numbered() -> None:
    source = b'[[s]]\nip = "a"\n[s.t]\nk = 1\n[[s]]\nip = "b"\n[[s.u]]\nk = 2\n[[s.u]]\nk = 3\n'
    assert values(toml, source) == {
        "s.0.ip": "a",
        "s.0.t.k": 1,
        "s.1.ip": "b",
        "s.1.u.0.k": 2,
        "s.1.u.1.k": 3,
    }


def test_dates_are_no_config() -> None:
    document = toml.parse(b"a = 2020-01-01 10:00:00.5Z\nb = [07:32:00, 1979-05-27]\n")
    assert document.literals == []
    assert list(document.refused) == [("a",), ("b", "0"), ("b", "1")]


@pytest.mark.parametrize("value", [None, "\ud800"])
def test_what_toml_cannot_say_is_refused(value: Scalar) -> None:
    source = b"x = 'a'"
    with pytest.raises(UnwritableError):
        rewrite(toml, source, toml.parse(source), {("x",): value})


@pytest.mark.parametrize(
    "source, line",
    [
        (b"a = 1\na = 2", 2),
        (b"a = 1\nb = ", 2),
        (b"a = 1\nb = [", 2),
        (b"\n\xff", 2),
        (b"a = " + b"[" * 100_000, 0),
        (b"a = " + b"1" * 5000, 1),
    ],
)
def test_what_is_no_toml_is_refused(source: bytes, line: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        toml.parse(source)
    assert caught.value.line == line
