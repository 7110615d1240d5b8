"""JSON as a format of config: every scalar is a literal.

RFC 8259 and, as Python reads and writes them, ``NaN``, ``Infinity`` and ``-Infinity``.
A key that stands twice in an object is an error: readers differ in which one they take.
"""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from gage.literal import (
    Document,
    KeyPath,
    Literal,
    UnreadableError,
    byte_offsets,
    line_numbers,
    natural_kinds,
    no_config,
    utf8,
)
from gage.scalar import Scalar

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"true|false|null|NaN|-?Infinity")
_WORDS: dict[str, Scalar] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}


class Node(NamedTuple):
    """A JSON value, with where it stands: characters *start* to *end*."""

    value: "Scalar | list[Node] | dict[str, Node]"
    start: int
    end: int


def parse(source: bytes) -> Document:
    """The literals of a JSON file."""
    text, mark = utf8(source)
    offset, line = byte_offsets(text), line_numbers(text)
    document = Document([], {})
    nodes: list[tuple[KeyPath, Node]] = [((), scan(text))]
    while nodes:
        path, node = nodes.pop()
        if isinstance(node.value, dict):
            nodes += [((*path, key), child) for key, child in reversed(node.value.items())]
        elif isinstance(node.value, list):
            children = list(enumerate(node.value))
            nodes += [((*path, str(index)), child) for index, child in reversed(children)]
        elif path:
            why = no_config(node.value)
            if why:
                document.refused[path] = why
                continue
            start, end = mark + offset(node.start), mark + offset(node.end)
            document.literals.append(
                Literal(path, node.value, start, end, line(node.start), natural_kinds(node.value))
            )
    return document


def encode(source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*value* in JSON; a file that is all ASCII stays so."""
    return dumps(value, ascii_only=source.isascii()).encode()


def dumps(value: Scalar, *, ascii_only: bool) -> str:
    """*value* in JSON, with everything that is not ASCII escaped or as it is."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    # A lone surrogate has no UTF-8; its escape is the only way to say it.
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def scan(text: str) -> Node:
    """The JSON value that *text* is, with positions. Raises UnreadableError."""
    try:
        node = _value(text, _skip(text, 0))
    except RecursionError:
        raise UnreadableError(0, "nested too deeply") from None
    end = _skip(text, node.end)
    if end < len(text):
        raise _trouble(text, end, "more text behind the value")
    return node


def _value(text: str, start: int) -> Node:
    char = text[start : start + 1]
    if char == "{":
        return _object(text, start)
    if char == "[":
        return _array(text, start)
    if char == '"':
        return Node(*_string(text, start))
    if word := _WORD.match(text, start):
        return Node(_WORDS[word[0]], start, word.end())
    number = _NUMBER.match(text, start)
    if not number:
        raise _trouble(text, start, "expected a value")
    whole, fraction, exponent = number.groups()
    try:
        value = float(number[0]) if fraction or exponent else int(whole)
    except ValueError:
        raise _trouble(text, start, "a number with too many digits") from None
    return Node(value, start, number.end())


def _object(text: str, start: int) -> Node:
    members: dict[str, Node] = {}
    end = _skip(text, start + 1)
    while not (not members and text[end : end + 1] == "}"):
        if text[end : end + 1] != '"':
            raise _trouble(text, end, "expected a key in double quotes")
        key, at, end = _string(text, end)
        if key in members:
            raise _trouble(text, at, f"the key {json.dumps(key)} stands here again")
        end = _skip(text, end)
        if text[end : end + 1] != ":":
            raise _trouble(text, end, "expected `:`")
        members[key] = _value(text, _skip(text, end + 1))
        end = _skip(text, members[key].end)
        if text[end : end + 1] == "}":
            break
        if text[end : end + 1] != ",":
            raise _trouble(text, end, "expected `,` or `}`")
        end = _skip(text, end + 1)
    return Node(members, start, end + 1)


def _array(text: str, start: int) -> Node:
    items: list[Node] = []
    end = _skip(text, start + 1)
    while not (not items and text[end : end + 1] == "]"):
        items.append(_value(text, end))
        end = _skip(text, items[-1].end)
        if text[end : end + 1] == "]":
            break
        if text[end : end + 1] != ",":
            raise _trouble(text, end, "expected `,` or `]`")
        end = _skip(text, end + 1)
    return Node(items, start, end + 1)


def _string(text: str, start: int) -> tuple[str, int, int]:
    try:
        value, end = scanstring(text, start + 1, True)
    except json.JSONDecodeError as error:
        raise _trouble(text, error.pos, error.msg.removesuffix(" at")) from None
    return value, start, end


def _skip(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _trouble(text: str, index: int, trouble: str) -> UnreadableError:
    return UnreadableError(line_numbers(text)(index), trouble)
