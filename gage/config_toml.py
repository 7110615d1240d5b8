"""TOML as a format of config: strings, numbers and booleans are literals, dates are not.

tomllib says what the values are (TOML 1.0); the scanner here only finds where they stand,
in a text that tomllib has already found to be right.
"""

import re
import tomllib
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from gage.literal import (
    Document,
    KeyPath,
    Literal,
    UnreadableError,
    UnwritableError,
    byte_offsets,
    line_numbers,
    natural_kinds,
    newline_of,
    no_config,
    utf8,
)
from gage.located import checked_toml
from gage.scalar import Scalar

_SPACE = re.compile(r"[ \t]*")
_SPACES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:[^\s,\]}#]*)?")
_BARE = re.compile(r"[^\s,\]}#]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\"}


class _Place(NamedTuple):
    path: KeyPath
    start: int
    end: int


def parse(source: bytes) -> Document:
    """The literals of a TOML file."""
    text, mark = utf8(source)
    data = _load(text)
    offset, line = byte_offsets(text), line_numbers(text)
    document = Document([], {})
    for place in _places(text):
        value = _value_at(data, place.path)
        if not isinstance(value, str | int | float):
            document.refused[place.path] = "is a date or a time"
            continue
        if why := no_config(value):
            document.refused[place.path] = why
            continue
        start, end = mark + offset(place.start), mark + offset(place.end)
        document.literals.append(
            Literal(place.path, value, start, end, line(place.start), natural_kinds(value))
        )
    return document


def encode(source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*value* in TOML, a string in the quotes of the old one where they can hold it."""
    if value is None:
        raise UnwritableError("TOML has no null")
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int | float):
        return repr(value).encode()
    old = source[literal.start : literal.end].decode()
    try:
        return _string(old, value, newline_of(source)).encode()
    except UnicodeEncodeError:
        raise UnwritableError("TOML cannot say a lone surrogate") from None


def _string(old: str, value: str, newline: str) -> str:
    quotes = next((quotes for quotes in ("'''", '"""', "'") if old.startswith(quotes)), '"')
    if len(quotes) == 1:
        plain = quotes == "'" and _holds(quotes, value)
        return f"'{value}'" if plain else '"' + _escaped(value).replace('"', '\\"') + '"'
    # A newline right behind the quotes is not part of the string.
    lead = re.match(r"\r?\n", old[3:])
    head = lead[0] if lead else newline if value.startswith("\n") else ""
    if quotes == "'''" and _holds(quotes, value):
        return quotes + head + value.replace("\n", newline) + quotes
    body = newline.join(map(_escaped, value.split("\n")))
    return '"""' + head + re.sub(r'"(?="|\Z)', r"\"", body) + '"""'


def _holds(quotes: str, value: str) -> bool:
    """Whether *value* can stand between the literal *quotes* as it is."""
    text = value.replace("\n", "") if len(quotes) == 3 else value
    return text.isprintable() and quotes not in value and not value.endswith("'")


def _escaped(text: str) -> str:
    return "".join(map(_escape, text))


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable() or "\ud800" <= char <= "\udfff":
        return char
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"


def _load(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(checked_toml(text))
    except RecursionError:
        raise UnreadableError(0, "nested too deeply") from None
    except ValueError as error:
        message, _, where = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", where)
        number = int(line[1]) if line else text.count("\n") + 1
        raise UnreadableError(number, message) from None


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def _places(text: str) -> Iterator[_Place]:
    table: KeyPath = ()
    lengths: dict[KeyPath, int] = {}
    at = _match(_SPACES, text, 0)
    while at < len(text):
        if text[at] == "[":
            brackets = 2 if text.startswith("[[", at) else 1
            key, at = _key(text, at + brackets)
            table = ()
            for part in key[:-1]:
                table = _last_item((*table, part), lengths)
            table = (*table, key[-1])
            if brackets == 2:
                lengths[table] = lengths.get(table, 0) + 1
            table = _last_item(table, lengths)
            at += brackets
        else:
            key, at = _key(text, at)
            at = _match(_SPACE, text, at + 1)
            at = yield from _value((*table, *key), text, at)
        at = _match(_SPACES, text, at)


def _last_item(path: KeyPath, lengths: dict[KeyPath, int]) -> KeyPath:
    """Where a header that names *path* leads: into the last table of an array of tables."""
    return (*path, str(lengths[path] - 1)) if path in lengths else path


def _value(path: KeyPath, text: str, at: int) -> Generator[_Place, None, int]:
    """Yield the places in the value at *at*; return where it ends."""
    if text[at] in "[{":
        index = 0
        close = "]" if text[at] == "[" else "}"
        at = _match(_SPACES, text, at + 1)
        while text[at] != close:
            key: KeyPath = (str(index),)
            if close == "}":
                key, at = _key(text, at)
                at = _match(_SPACE, text, at + 1)
            at = yield from _value((*path, *key), text, at)
            at = _match(_SPACES, text, at)
            if text[at] == ",":
                at = _match(_SPACES, text, at + 1)
            index += 1
        return at + 1
    match = _STRING.match(text, at) or _DATE.match(text, at) or _BARE.match(text, at)
    end = match.end() if match else at
    yield _Place(path, at, end)
    return end


def _key(text: str, at: int) -> tuple[KeyPath, int]:
    """The dotted key at *at*, and where the space behind it ends."""
    parts: list[str] = []
    while True:
        at = _match(_SPACE, text, at)
        match = _STRING.match(text, at) or _BARE_KEY.match(text, at)
        if not match:
            raise UnreadableError(line_numbers(text)(at), "a key that gage cannot read")
        quoted = match[0][0] in "\"'"
        parts.append(tomllib.loads(f"key = {match[0]}")["key"] if quoted else match[0])
        at = _match(_SPACE, text, match.end())
        if text[at] != ".":
            return tuple(parts), at
        at += 1


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
