import json
import os
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import ConfigError, NotFoundError
from gage.located import Document, read_document

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


def read(directory: object, name: str, text: str | bytes) -> Document:
    path = os.path.join(str(directory), name)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def refusal(directory: object, name: str, text: str | bytes) -> str:
    """The message, without the directory, that a document is refused with."""
    with pytest.raises(ConfigError) as raised:
        read(directory, name, text)
    return raised.value.message[raised.value.message.index(name) :]


@given(VALUES)
def test_json_is_what_json_says(tmp_path: object, value: Any) -> None:
    assert read(tmp_path, "a.json", json.dumps(value)).data == value


@given(VALUES)
def test_yaml_reads_what_yaml_writes(tmp_path: object, value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read(tmp_path, "a.yaml", text).data == value


@given(st.text(alphabet="ab:-[]{},'\"#&*!|> \n\t1"))
def test_any_text_is_a_document_or_a_refusal(tmp_path: object, text: str) -> None:
    for name in ("a.yaml", "a.json", "a.toml"):
        try:
            document = read(tmp_path, name, text)
        except ConfigError:
            continue
        document.wrong((), "")


def test_every_format_tells_the_lines(tmp_path: object) -> None:
    texts = {
        "a.yaml": "# c\na:\n  b: [1,\n    2]\n  c d: x\n",
        "a.json": '\n{"a": {\n\t"b": [1,\n2],\n"c d": "x"}}',
        "a.toml": "\n[a]\nb = [1,\n2]\n'c d' = 'x'\n",
    }
    for name, text in texts.items():
        document = read(tmp_path, name, text)
        assert document.data == {"a": {"b": [1, 2], "c d": "x"}}
        assert [document.line(p) for p in (("a",), ("a", "b"), ("a", "c d"))] == [2, 3, 5]
        assert document.line(("a", "c d", "unknown")) == 5


def test_tables_of_toml_have_lines(tmp_path: object) -> None:
    text = 's = 0\n[[a.b]]\nx = 1\n[[a.b]]\ny."z w".v = 2 # c\n'
    document = read(tmp_path, "a.toml", text)
    assert document.data == tomllib.loads(text)
    assert document.line(("a", "b", 0, "x")) == 3
    assert document.line(("a", "b", 1)) == 4
    assert document.line(("a", "b", 1, "y", "z w", "v")) == 5


def test_plain_text_means_what_it_means_on_the_command_line(tmp_path: object) -> None:
    text = "a: 1e-3\nb: 12:30\nc: 2026-11-21\nd: no\ne: '1'\non: 1\n2: x\nf: |\n  1\ng:\n"
    assert read(tmp_path, "a.yaml", text).data == {
        "a": 0.001,
        "b": "12:30",
        "c": "2026-11-21",
        "d": False,
        "e": "1",
        "on": 1,
        "2": "x",
        "f": "1\n",
        "g": None,
    }


def test_an_alias_is_what_it_stands_for(tmp_path: object) -> None:
    document = read(tmp_path, "a.yaml", "a: &x [1]\nb: *x\n")
    assert document.data == {"a": [1], "b": [1]}
    assert document.line(("b", 0)) == 2


def test_a_byte_order_mark_is_no_text(tmp_path: object) -> None:
    assert read(tmp_path, "a.yaml", b"\xef\xbb\xbfa: 1").data == {"a": 1}


def test_an_empty_file_is_nothing(tmp_path: object) -> None:
    assert read(tmp_path, "a.yaml", "# nothing\n").data is None


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "a.yaml:3: a: given twice; line 1 has it already"),
        ("a:\n  b: 1\n  'b': 3", "a.yaml:3: a.b: given twice; line 2 has it already"),
        ("a: !!python/object:os.system x", "a.yaml:1: a: tag:yaml.org,2002:python/object:os."),
        ("a:\n - !x y", "a.yaml:2: a.0: !x: tags are not taken"),
        ("!x a: 1", "a.yaml:1: expected a key that is a plain string"),
        ("a: &x [*x]", "a.yaml:1: a.0: *x: there is no &x above"),
        ("a: *x", "a.yaml:1: a: *x: there is no &x above"),
        ("a: " + "[" * 5000, "a.yaml:1: nested deeper than 50 levels"),
        ("a: " + "{b: " * 5000, "a.yaml:1: nested deeper than 50 levels"),
        (BOMB, "a.yaml:5: e.7: more than 100000 values"),
        ("a: &x 1\nb: [" + "*x," * 101 + "]", "a.yaml:2: b.100: more than 100 aliases"),
        ("a: 1\n---\nb: 1", "a.yaml:2: a second document"),
        ("? [a]\n: 1", "a.yaml:1: expected a key that is a plain string"),
        ("a:\n\t- b", "a.yaml:2: no YAML: found character"),
        ("a: x: y", "a.yaml:1: no YAML: mapping values are not allowed"),
        ("a: 1\nb: \x01", "a.yaml:2: no YAML: "),
        ("{a: 1", "a.yaml:"),
        (b"a: 1\nb: \xff", "a.yaml:2: not UTF-8"),
        (b"a: " + b"x" * 1_000_000, "a.yaml: larger than 1000000 bytes"),
    ],
)
def test_wrong_yaml_is_refused_with_its_line(
    tmp_path: object, text: str | bytes, message: str
) -> None:
    assert refusal(tmp_path, "a.yaml", text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "a": 2}', "a.json:2: a: given twice; line 1 has it already"),
        ('{"a": 1,\n}', "a.json:2: no JSON: "),
        ('{"a": ' + "[" * 200_000, "a.json: nested deeper"),
        ("{a: 1}", "a.json:1: no JSON: "),
        ("", "a.json:1: no JSON: "),
        ("[" + "9" * 5000 + "]", "a.json: "),
    ],
)
def test_wrong_json_is_refused_with_its_line(tmp_path: object, text: str, message: str) -> None:
    assert refusal(tmp_path, "a.json", text).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = \n", "a.toml:2: no TOML: Invalid value"),
        ("a = 1\na = 2\n", "a.toml:2: no TOML: Cannot overwrite a value"),
        ("a = " + "[" * 50_000, "a.toml: no TOML: a value is too deep"),
        ("a = " + "9" * 5000, "a.toml: no TOML: a value is too deep or too long"),
    ],
)
def test_wrong_toml_is_refused_with_its_line(tmp_path: object, text: str, message: str) -> None:
    assert refusal(tmp_path, "a.toml", text).startswith(message)


def test_only_a_regular_file_is_read(tmp_path: object) -> None:
    fifo, folder = (os.path.join(str(tmp_path), name) for name in ("a.yaml", "b.yaml"))
    os.mkfifo(fifo)
    os.mkdir(folder)
    open_before = os.listdir("/proc/self/fd")
    for path in (fifo, folder):
        with pytest.raises(ConfigError, match=r"\.yaml: expected a regular file"):
            read_document(path)
    assert os.listdir("/proc/self/fd") == open_before
    with pytest.raises(NotFoundError):
        read_document(fifo + ".toml")


def test_a_path_is_shown_from_here(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(ConfigError, match=r"^a\.yaml:1: ") as raised:
        read(tmp_path, "a.yaml", "a: [")
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("steps: [train lr=${lr}, judge]", "a string that holds `${` is written in quotes"),
        ("a: x: y", "a string that holds `: ` is written in quotes"),
        ("\t- b", "YAML is indented with spaces"),
    ],
)
def test_what_is_often_forgotten_in_yaml_is_said(line: str, hint: str, tmp_path: object) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "a.yaml", f"one: 1\n{line}\n")
    assert caught.value.hint.startswith(hint)
