"""How Python source says a scalar, in the manner of the literal that stood there before."""

import math
import re

from gage.literal import UnwritableError
from gage.scalar import Scalar

_STRING_START = re.compile(r"""([rRuU]?)('''|\"\"\"|'|")""")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def encode_literal(old: str, value: Scalar, *, newline: str, encoding: str) -> str:
    """*value* as a Python literal; a string in the prefix and quotes of *old* if they can.

    *newline* is how lines end in the source; what *encoding* lacks is escaped.
    """
    if isinstance(value, str):
        return _string(old, value, newline, encoding)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _string(old: str, value: str, newline: str, encoding: str) -> str:
    match = _STRING_START.match(old)
    prefix, quotes = match.groups() if match else ("", '"')
    lines = value.split("\n") if len(quotes) == 3 else [value]
    if prefix in ("r", "R"):
        if _can_be_raw(lines, quotes, encoding):
            return prefix + quotes + newline.join(lines) + quotes
        prefix = ""
    body = newline.join("".join(_escape(char, encoding) for char in line) for line in lines)
    mark = quotes[0]
    # Within three quotes, one that no other follows needs no escape.
    unsafe = f"{mark}(?={mark}|\\Z)" if len(quotes) == 3 else mark
    return prefix + quotes + re.sub(unsafe, lambda _: "\\" + mark, body) + quotes


def _can_be_raw(lines: list[str], quotes: str, encoding: str) -> bool:
    text = "\n".join(lines)
    if text.endswith(quotes[0]) or (len(text) - len(text.rstrip("\\"))) % 2:
        return False
    return quotes not in text and all(_fits(line, encoding) for line in lines)


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return text.isprintable()


def _escape(char: str, encoding: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char == "\0":
        raise UnwritableError("a string of config holds no NUL")
    if _fits(char, encoding):
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
