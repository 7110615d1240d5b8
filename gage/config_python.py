"""Python as a format of config: the constants of a module, found by its syntax tree.

Nothing is imported or run. Positions in the tree are lines and UTF-8 bytes; the file may
be in any encoding that its cookie names (PEP 263).
"""

import ast
import re
import warnings

from gage.literal import (
    Document,
    Literal,
    UnreadableError,
    newline_of,
)
from gage.python_constants import find_constants
from gage.python_literal import encode_literal
from gage.scalar import Scalar


def parse(source: bytes) -> Document:
    """The constants of a Python file."""
    text, encoding = _decode(source)
    module = parse_module(text)
    constants = find_constants([module], lambda _, line: line)
    starts, lines = [0], split_lines(text)
    for line in lines:
        starts.append(starts[-1] + len(line.encode(encoding)))
    mark = len(source) - starts[-1]

    def offset(line: int, column: int) -> int:
        before = lines[line - 1].encode()[:column].decode()
        return mark + starts[line - 1] + len(before.encode(encoding))

    literals = [
        Literal(
            found.path,
            found.value,
            offset(found.node.lineno, found.node.col_offset),
            offset(found.node.end_lineno or 0, found.node.end_col_offset or 0),
            found.node.lineno,
            found.kinds,
        )
        for found in constants.found
    ]
    return Document(literals, constants.refused)


def encode(source: bytes, literal: Literal, value: Scalar) -> bytes:
    """*value* as a Python literal, in the quotes of the old one."""
    _, encoding = _decode(source)
    old = source[literal.start : literal.end].decode(encoding)
    text = encode_literal(old, value, newline=newline_of(source), encoding=encoding)
    return text.encode(encoding)


def parse_module(text: str, flags: int = 0) -> ast.Module:
    """The syntax tree of *text*. Raises UnreadableError."""
    try:
        with warnings.catch_warnings():
            # What the compiler thinks of the user's escapes is for the user's own run.
            warnings.simplefilter("ignore")
            module = compile(text, "<config>", "exec", ast.PyCF_ONLY_AST | flags, True)
    except SyntaxError as error:
        raise UnreadableError(error.lineno or 0, f"not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(0, f"not Python: {error or 'nested too deeply'}") from None
    assert isinstance(module, ast.Module)
    return module


def split_lines(text: str) -> list[str]:
    """The lines of *text* with their ends, as Python's tokenizer counts them."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _decode(source: bytes) -> tuple[str, str]:
    """The text of *source* without its byte order mark, and the encoding of the rest."""
    encoding = _cookie(source) if b"coding" in b"".join(source.split(b"\n", 2)[:2]) else "utf-8"
    mark = 3 if source.startswith(b"\xef\xbb\xbf") else 0
    try:
        text = source[mark:].decode(encoding)
        if text.encode(encoding) == source[mark:]:
            return text, encoding
    except (UnicodeError, LookupError):
        pass
    raise UnreadableError(0, f"not the text in {encoding} that it should be")


def _cookie(source: bytes) -> str:
    import io
    from tokenize import detect_encoding

    try:
        return detect_encoding(io.BytesIO(source).readline)[0].removesuffix("-sig")
    except SyntaxError as error:
        raise UnreadableError(1, str(error.msg)) from None
