"""A Jupyter notebook as a format of config: the constants of its code cells.

The file is JSON (nbformat 4); a cell's ``source`` is a string or a list of strings that
are joined. All code cells share one namespace, as they do in the kernel. Lines that only
IPython understands are passed over. What is written goes into the JSON strings.
"""

import ast
import json
import re
from itertools import accumulate
from typing import NamedTuple

from gage.config_json import Node, dumps, scan
from gage.config_python import parse_module, split_lines
from gage.literal import (
    Document,
    Literal,
    UnreadableError,
    byte_offsets,
    line_numbers,
    utf8,
)
from gage.python_constants import find_constants
from gage.python_literal import encode_literal
from gage.scalar import Scalar

_ESCAPED = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
_WITHIN_STRING = re.compile(rb'(?:\\.|[^"\\])*')
_PYTHON_INSIDE = ("%%time", "%%timeit", "%%capture", "%%prun")
_MAGIC = re.compile(r"[ \t]*(?:[%!?]|[^#'\"]*\?\??[ \t]*$)")
_MAGIC_VALUE = re.compile(r"([ \t]*[\w., \t]+=)[ \t]*[%!]")


class _Cell(NamedTuple):
    """The code of a cell, and where each of its characters begins and ends in the file."""

    text: str
    starts: list[int]
    ends: list[int]


def parse(source: bytes) -> Document:
    """The constants of a notebook's code cells."""
    text, mark = utf8(source)
    cells = _code_cells(text)
    file_line, file_offset = line_numbers(text), byte_offsets(text)
    lines = [split_lines(cell.text) for cell in cells]
    firsts = [[0, *accumulate(map(len, of_cell))] for of_cell in lines]

    def line(cell: int, lineno: int) -> int:
        first = firsts[cell][lineno - 1]
        starts = cells[cell].starts
        return file_line(starts[first]) if first < len(starts) else 0

    def index(cell: int, lineno: int, column: int) -> int:
        before = lines[cell][lineno - 1].encode()[:column].decode()
        return firsts[cell][lineno - 1] + len(before)

    modules = []
    for number, cell in enumerate(cells):
        try:
            modules.append(_parse_cell(cell.text))
        except UnreadableError as error:
            where = line(number, error.line) if 0 < error.line <= len(lines[number]) else 0
            raise UnreadableError(where, error.trouble) from None
    constants = find_constants(modules, line)
    literals = []
    for found in constants.found:
        node, cell = found.node, cells[found.module]
        first = index(found.module, node.lineno, node.col_offset)
        last = index(found.module, node.end_lineno or 0, node.end_col_offset or 0) - 1
        literals.append(
            Literal(
                found.path,
                found.value,
                mark + file_offset(cell.starts[first]),
                mark + file_offset(cell.ends[last]),
                file_line(cell.starts[first]),
                found.kinds,
            )
        )
    return Document(literals, constants.refused)


def encode(source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*value* as a Python literal, within a JSON string; a file of ASCII stays so."""
    # The start of a literal tells its quotes; the rest may be in other JSON strings.
    start = _WITHIN_STRING.match(source, literal.start, literal.end)
    old = json.loads(b'"' + start[0] + b'"') if start else ""
    text = encode_literal(old, value, newline="\n", encoding="utf-8")
    return dumps(text, ascii_only=source.isascii())[1:-1].encode()


def _code_cells(text: str) -> list[_Cell]:
    root = scan(text).value
    cells = root.get("cells") if isinstance(root, dict) else None
    if not cells or not isinstance(cells.value, list):
        raise UnreadableError(1, "not a notebook of nbformat 4: it has no list `cells`")
    found = []
    for cell in cells.value:
        fields = cell.value if isinstance(cell.value, dict) else {}
        kind, code = fields.get("cell_type"), fields.get("source")
        if kind and code and kind.value == "code":
            found.append(_cell(text, code))
    return found


def _cell(text: str, code: Node) -> _Cell:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for node in code.value if isinstance(code.value, list) else [code]:
        if not isinstance(node.value, str):
            trouble = "the `source` of a cell is no text"
            raise UnreadableError(line_numbers(text)(node.start), trouble)
        parts.append(node.value)
        for match in _ESCAPED.finditer(text, node.start + 1, node.end - 1):
            starts.append(match.start())
            ends.append(match.end())
    return _Cell("".join(parts), starts, ends)


def _parse_cell(text: str) -> ast.Module:
    """The syntax tree of a cell, lines that only IPython understands left out.

    Such a line is known by where the parser stops: within a string it means nothing.
    """
    lines = split_lines(text)
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    if first.startswith("%%"):
        if first not in _PYTHON_INSIDE:
            return ast.Module([], [])
        at = next(number for number, line in enumerate(lines) if line.strip())
        lines[at] = "\n"
    while True:
        try:
            return parse_module("".join(lines), ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except UnreadableError as error:
            if not (0 < error.line <= len(lines) and _leave_out(lines, error.line - 1)):
                raise


def _leave_out(lines: list[str], at: int) -> bool:
    """Put plain Python in the place of IPython's line at *at*; False if it is none."""
    while at > 0 and lines[at - 1].rstrip("\r\n").endswith("\\"):
        at -= 1
    old = lines[at]
    if match := _MAGIC_VALUE.match(old):
        new = match[1] + " ()\n"
    elif _MAGIC.match(old):
        new = old[: len(old) - len(old.lstrip())] + "pass\n"
    else:
        return False
    while lines[at].rstrip("\r\n").endswith("\\") and at + 1 < len(lines):
        lines[at] = new
        new, at = "\n", at + 1
    lines[at] = new
    return True
