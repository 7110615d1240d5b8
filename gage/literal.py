"""A literal: the bytes of a file that say one value of its config.

Every format (``config_python``, ``config_yaml``, …) is two functions: ``parse`` finds the
literals of a file, ``encode`` says a new value in the manner of an old literal. What is
written is trusted only after it has been read again: see ``rewrite``.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple, Protocol

from gage.scalar import ALL_KINDS, Kind, Scalar, kind_of, same

KeyPath = tuple[str, ...]
"""A key as its components: ``("db", "host")`` for ``db.host``."""

_BLOCK = 128

_NATURAL: dict[Kind, frozenset[Kind]] = {
    "string": frozenset(["string"]),
    "int": frozenset(["int"]),
    "float": frozenset(["float", "int"]),
    "boolean": frozenset(["boolean"]),
    "null": ALL_KINDS,
}


class Literal(NamedTuple):
    """Where a value stands: bytes *start* to *end*, its first byte on *line* (1-based).

    ``kinds`` are those that the file allows for a new value.
    """

    path: KeyPath
    value: Scalar
    start: int
    end: int
    line: int
    kinds: frozenset[Kind]


class Document(NamedTuple):
    """What a file says: its literals in order, and the keys that are no config, with why."""

    literals: list[Literal]
    refused: dict[KeyPath, str]


class UnreadableError(Exception):
    """A file is not in its format; *line* is 0 where none can be told."""

    def __init__(self, line: int, trouble: str) -> None:
        super().__init__(line, trouble)
        self.line = line
        self.trouble = trouble


class UnwritableError(Exception):
    """The format has no way to say a value in this place; the message is why."""


class Format(Protocol):
    """A format of config files; a module is one."""

    def parse(self, source: bytes) -> Document:
        """The literals of *source*. Raises UnreadableError."""

    def encode(self, source: bytes, literal: Literal, value: Scalar) -> bytes:
        """What to write for *value* in the place of *literal*. Raises UnwritableError."""


def natural_kinds(value: Scalar) -> frozenset[Kind]:
    """The kinds of value that may stand where *value* stands, as far as it can tell itself."""
    return _NATURAL[kind_of(value)]


def no_config(value: Scalar) -> str:
    """Why *value* cannot be a value of config, or nothing."""
    if isinstance(value, str) and "\0" in value:
        return "holds a NUL, which no environment can"
    if isinstance(value, int) and value.bit_length() > 14_000:
        return "has more digits than Python prints"
    return ""


def rewrite(
    format: Format, source: bytes, before: Document, values: Mapping[KeyPath, Scalar]
) -> bytes:
    """*source* with the literals at the paths of *values* saying those.

    *before* is what *source* parses to. Raises UnwritableError unless the result, parsed
    again, differs from it in these values alone.
    """
    pieces: list[bytes] = []
    places: list[tuple[int, bytes]] = []
    end = written = 0
    for literal in sorted(before.literals, key=lambda literal: literal.start):
        text = source[literal.start : literal.end]
        if literal.path in values:
            text = format.encode(source, literal, values[literal.path])
        pieces += [source[end : literal.start], text]
        places.append((written + literal.start - end, text))
        written += literal.start - end + len(text)
        end = literal.end
    pieces.append(source[end:])
    after = b"".join(pieces)
    try:
        found = format.parse(after)
    except UnreadableError as error:
        raise UnwritableError(f"the file could not be read again: {error.trouble}") from None
    wanted = {literal.path: values.get(literal.path, literal.value) for literal in before.literals}
    _check(found, wanted, before.refused.keys(), places)
    return after


def _check(
    found: Document,
    wanted: Mapping[KeyPath, Scalar],
    refused: Set[KeyPath],
    places: Sequence[tuple[int, bytes]],
) -> None:
    literals = sorted(found.literals, key=lambda literal: literal.start)
    right = (
        found.refused.keys() == refused
        and {literal.path for literal in literals} == wanted.keys()
        and all(same(literal.value, wanted[literal.path]) for literal in literals)
        and all(map(_stands, literals, places))
    )
    if not right:
        raise UnwritableError("the file would not read back as it should")


def _stands(literal: Literal, place: tuple[int, bytes]) -> bool:
    """Whether *literal* fills its place, but for space before it and a comment behind."""
    start, text = place
    before = text[: max(0, literal.start - start)]
    behind = text[literal.end - start :]
    return (
        start <= literal.start
        and literal.end <= start + len(text)
        and not before.strip()
        and (not behind.strip() or behind.lstrip().startswith(b"#"))
    )


def utf8(source: bytes) -> tuple[str, int]:
    """The text of *source* without its byte order mark, and the length of that mark."""
    mark = 3 if source.startswith(b"\xef\xbb\xbf") else 0
    try:
        return source[mark:].decode(), mark
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, mark + error.start) + 1
        raise UnreadableError(line, "not UTF-8") from None


def byte_offsets(text: str, encoding: str = "utf-8") -> Callable[[int], int]:
    """A function from the index of a character of *text* to that of its first byte."""
    if encoding == "utf-8" and text.isascii():
        return lambda index: index
    table = [0]
    for block in range(0, len(text), _BLOCK):
        table.append(table[-1] + len(text[block : block + _BLOCK].encode(encoding)))

    def offset(index: int) -> int:
        block = index // _BLOCK
        return table[block] + len(text[block * _BLOCK : index].encode(encoding))

    return offset


def line_numbers(text: str) -> Callable[[int], int]:
    """A function from the index of a character of *text* to its line, 1-based."""
    ends = [match.start() for match in re.finditer("\n", text)]
    return lambda index: bisect_right(ends, index - 1) + 1


def newline_of(source: bytes) -> str:
    """How lines end in *source*, by the first that does."""
    end = source.find(b"\n")
    if end < 0:
        return "\r" if b"\r" in source else "\n"
    return "\r\n" if source[end - 1 : end] == b"\r" else "\n"
