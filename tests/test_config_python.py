import ast
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage import config_python as python
from gage.literal import UnreadableError, UnwritableError, rewrite
from gage.scalar import Scalar
from tests.rewriting import TRICKY, agree, changed, new_values, the, values


def is_scalar_text(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(f"({text})")  # so that no comment ends it
    except (ValueError, SyntaxError):
        return False
    scalar = value is None or isinstance(value, str | int | float | bool)
    return scalar and not (isinstance(value, str) and "\0" in value)


STRING_TEXTS = st.builds(
    lambda prefix, quotes, body: f"{prefix}{quotes}{body}{quotes}",
    st.sampled_from(["", "r", "R", "u", "U"]),
    st.sampled_from(["'", '"', "'''", '"""']),
    st.text(TRICKY.replace("\r", ""), max_size=10),
).filter(is_scalar_text)
TEXTS = st.one_of(
    STRING_TEXTS,
    st.tuples(STRING_TEXTS, STRING_TEXTS).map(" ".join).filter(is_scalar_text),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "1_000", "0xFF", "-1", "- 2", "+3", "1e-3", ".5", "5.", "1E5", "0b1"]),
    st.sampled_from(["True", "False", "None", 'float("nan")', "float('-inf')", "-float('inf')"]),
    st.sampled_from(["(1)", "( # c\n  'x'\n)", "('a'\n  # c\n  \"b\")", "1e999"]),
)
CONTAINERS = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[ {' , '.join(items)},]"),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"({', '.join(items)}, )"),
        st.dictionaries(st.sampled_from(["'a'", '"é.b"', "''", "7"]), inner, min_size=1).map(
            lambda items: f"{{{', '.join(f'{key} :{item}' for key, item in items.items())}}}"
        ),
    ),
    max_leaves=4,
)
MODULES = st.lists(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["", "# é\n", "'''doc'''\n", "import os; ", "\x0c", "é = 1;", "f(1)\n\n"]),
        st.sampled_from(["NAME = ", "NAME=", "NAME: int = ", "NAME \\\n  =\t"]),
        CONTAINERS,
        st.sampled_from(["", " ", ";", "  # 'c", "\t; f(2)"]),
        st.sampled_from(["\n", "\n\n\n"]),
    ),
    min_size=1,
    max_size=3,
).map(lambda lines: "".join(line.replace("NAME", f"name{i}") for i, line in enumerate(lines)))


@st.composite
def sources(draw: st.DrawFn) -> bytes:
    text = draw(MODULES)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]))
    if encoding == "latin-1":
        text = "#!/usr/bin/python\n# -*- coding: latin-1 -*-\n" + text
    text = text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8").replace(b"latin-1", b"utf-8  ")


def run(source: bytes) -> dict[str, Any]:
    """What Python itself makes of the names in *source*."""
    namespace: dict[str, Any] = {"f": lambda one: one}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, "source", "exec"), namespace)
    return {name: value for name, value in namespace.items() if name.startswith("name")}


@settings(max_examples=150)
@given(sources(), st.data())
def test_only_the_literal_changes_and_python_reads_the_new_value(
    source: bytes, data: st.DataObject
) -> None:
    ours = [one for one in python.parse(source).literals if one.path[0].startswith("name")]
    literal = data.draw(st.sampled_from(ours))
    value = data.draw(new_values(literal))
    after = changed(python, source, literal, value)
    wanted = run(source)
    spot: Any = wanted
    for part in literal.path[:-1]:
        spot = spot[_key(spot, part)]
    if not isinstance(spot, tuple):
        spot[_key(spot, literal.path[-1])] = value
        assert repr(run(after)) == repr(wanted)


def _key(container: Any, part: str) -> Any:
    return part if isinstance(container, dict) and part in container else int(part)


@settings(max_examples=50)
@given(st.lists(CONTAINERS, min_size=1, max_size=3))
def test_the_constants_are_what_python_binds(texts: list[str]) -> None:
    source = "".join(f"name{i} = {text}\n" for i, text in enumerate(texts)).encode()
    assert agree(python, source, run(source))


@given(st.text(st.characters(exclude_characters="\0")), st.sampled_from(["''", '""', "r''''''"]))
def test_every_string_can_be_said_lone_surrogates_too(value: str, old: str) -> None:
    source = f"x = {old}\n".encode()
    changed(python, source, the(python, source, "x"), value)


@pytest.mark.parametrize(
    "old, value, new",
    [
        ("'a'", "it's", "'it\\'s'"),
        ('"a"', "it's", '"it\'s"'),
        ("r'a'", r"\d+", r"r'\d+'"),
        ("r'a'", "a\\", "'a\\\\'"),
        ("r'a'", "'\n", "'\\'\\n'"),
        ('u"a"', "b", 'u"b"'),
        ('"""a"""', 'two\nlines "', '"""two\nlines \\""""'),
        ("'a' 'b'", "c", "'c'"),
        ("0xff", 255, "255"),
        ("1.5", 2.0, "2.0"),
        ("1.5", float("-inf"), 'float("-inf")'),
        ("None", "a", '"a"'),
        ("True", False, "False"),
    ],
)
def test_a_literal_keeps_its_manner(old: str, value: Scalar, new: str) -> None:
    source = f"x = {old}  # c\n".encode()
    literal = the(python, source, "x")
    assert rewrite(python, source, python.parse(source), {("x",): value}) == (
        f"x = {new}  # c\n".encode()
    )
    assert literal.line == 1


def test_what_an_encoding_lacks_is_escaped() -> None:
    source = b"# coding: latin-1\nx = '\xe9'\n"
    after = changed(python, source, the(python, source, "x"), "é€")
    assert after == b"# coding: latin-1\nx = '\xe9\\u20ac'\n"


def test_both_names_of_a_tuple_are_constants() -> None:
    assert values(python, b"a, (b, c) = 1, [2, 3]\n_d = 4\n") == {"a": 1, "b": 2, "c": 3, "_d": 4}


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\nx = 2",
        "x = 1\nx += 2",
        "x = 1\ndel x",
        "x = 1\ndef x(): pass",
        "x = 1\nclass x: pass",
        "x = 1\nimport x.y",
        "x = 1\nfrom y import z as x",
        "x = 1\nfor x in y: pass",
        "x = 1\nwith y as (x, z): pass",
        "x = 1\nif y:\n  x = 2",
        "x = 1\ntry: pass\nexcept E as x: pass",
        "x = 1\nprint(x := 2)",
        "x = 1\n[x := y for y in z]",
        "x = 1\ndef f():\n  global x\n  x = 2",
        "x = 1\nmatch y:\n  case [x, *_]: pass",
        "x = [1]\nx[0] = 2",
        "x = y = 1",
        "if y:\n  x = 1",
        "x = y",
        "x = 1 + 1",
        "x = f'{y}'",
        "x = b'a'",
        "x = 1j",
        "x = ...",
        "x = {1, 2}",
        "x = float('1.5')",
        "x = 'a\\0b'",
        "x = [*y, 1]",
        "x = {**y, 'a': 1}",
        "x = {'a': 1, 'a': 2}",
        "x, *y = 1, 2",
        "def f():\n  x = 1",
    ],
)
def test_what_is_bound_otherwise_is_no_constant(code: str) -> None:
    document = python.parse(code.encode())
    assert document.literals == []
    if not code.startswith("def"):
        assert any(path[0] == "x" and why for path, why in document.refused.items())


@pytest.mark.parametrize(
    "code",
    ["x = 1\ndef f():\n  x = 2", "x = 1\n[x for x in y]", "x: int\nx = 1", "x = 1\nlambda x: x"],
)
def test_a_name_of_an_inner_scope_is_another_name(code: str) -> None:
    assert values(python, code.encode()) == {"x": 1}


def test_a_name_that_is_bound_again_says_where() -> None:
    why = python.parse(b"x = 1\n\nx = 2\nx = 3\n").refused[("x",)]
    assert why == "is bound more than once (lines 1, 3 and 4), so it is no constant"


@pytest.mark.parametrize(
    "code, kinds",
    [
        ("1", "int"),
        ("1.0", "float int"),
        ("'a'", "string"),
        ("True", "boolean"),
        ("None", "boolean float int null string"),
        (": float = 1", "float int"),
        (": int | None = 1", "int null"),
        (": Optional[int] = None", "int null"),
        (": typing.Union[str, bool] = 'a'", "boolean string"),
        (": 'Final[float]' = 1", "float int"),
        (": Final = 1", "int"),
        (": Literal['a', 1] = 1", "int string"),
        (": Thing | None = None", "boolean float int null string"),
        (": Any = 1", "boolean float int null string"),
        (": 'no type' = 1", "int"),
    ],
)
def test_an_annotation_tells_what_else_may_stand_there(code: str, kinds: str) -> None:
    source = f"x{code if code.startswith(':') else ' = ' + code}".encode()
    assert sorted(the(python, source, "x").kinds) == kinds.split()


@pytest.mark.parametrize(
    "source, line",
    [
        (b"x = 1\ny = (\n", 2),
        (b"x = '\xff'", 0),
        (b"# coding: no-such\n", 1),
        (b"# coding: hex\n", 0),
        (b"x = 1\0", 0),
        (b"x = " + b"-" * 100_000 + b"1", 0),
    ],
)
def test_what_is_no_python_is_refused(source: bytes, line: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        python.parse(source)
    assert line in (0, caught.value.line)


def test_a_nul_cannot_be_written() -> None:
    source = b"x = 'a'"
    with pytest.raises(UnwritableError):
        rewrite(python, source, python.parse(source), {("x",): "a\0b"})
