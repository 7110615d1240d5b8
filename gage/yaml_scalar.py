"""The text of one scalar as YAML has it, on the command line and in the gage file alike.

The rules are those of YAML 1.1 as PyYAML reads it, so that a value given to gage and the
same text in a YAML file mean the same, but for what surprises everybody: ``1e-3`` and
``-.5`` are numbers, as in YAML 1.2, and ``12:30`` and ``2026-11-21`` are strings. All other
text is a string as it stands: white space, ``[a``, ``a: b`` and ``# c`` included.
"""

import re

from gage.scalar import Scalar

LONGEST_NUMBER = 1000
"""Characters. Beyond, digits are a string: Python does not print integers of any length."""

_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_NULLS = ("", "~", "null", "Null", "NULL")
# As texts, which re compiles when they are first asked: most commands never do.
_INT = (
    r"[-+]?(?:0b(?P<two>[01_]+)|0x(?P<sixteen>[0-9a-fA-F_]+)|0(?P<eight>[0-7_]+)"
    r"|(?:0|[1-9][0-9_]*))"
)
_FLOAT = (
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
)
_SPECIAL = r"(?P<sign>[-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
_SINGLE = r"'(?:[^']|'')*'"
_DOUBLE = (
    r'"(?:[^"\\]|\\(?:[0abt\tnvfre "/\\N_LP]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*"'
)
_ESCAPE = r"(?s)\\(?:x(..)|u([dD][89abAB]..)\\u([dD][c-fC-F]..)|u(....)|U(.{8})|(.))"
_NUMBER_START = tuple("-+.0123456789")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "\t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}


def parse_value(text: str) -> Scalar:
    """The value that *text* means; a text in quotes is a string without them."""
    if text.startswith("'") and re.fullmatch(_SINGLE, text):
        return text[1:-1].replace("''", "'")
    if text.startswith('"') and re.fullmatch(_DOUBLE, text):
        try:
            return re.sub(_ESCAPE, _unescaped, text[1:-1])
        except (ValueError, OverflowError):  # \U beyond the last character
            return text
    return parse_plain(text)


def parse_plain(text: str) -> Scalar:
    """The value that *text* means where quotes are characters like others."""
    if text in _NULLS:
        return None
    if text.lower() in _BOOLEANS and text in (text.lower(), text.upper(), text.capitalize()):
        return _BOOLEANS[text.lower()]
    if not text.startswith(_NUMBER_START) or len(text) > LONGEST_NUMBER or not text.isascii():
        return text
    if match := re.fullmatch(_INT, text):
        return _int(match)
    if re.fullmatch(_FLOAT, text):
        return float(text.replace("_", ""))
    if match := re.fullmatch(_SPECIAL, text):
        return float("nan") if text.lower() == ".nan" else float(match["sign"] + "inf")
    return text


def _int(match: re.Match[str]) -> int | str:
    digits, base = match.group(), 10
    for name, radix in (("two", 2), ("eight", 8), ("sixteen", 16)):
        if match[name]:
            digits, base = match[name], radix
    digits = digits.replace("_", "")
    if not digits:  # `0x_`; but `0_` is zero
        return 0 if base == 8 else match.group()
    value = int(digits, base)
    return -value if base != 10 and match.group().startswith("-") else value


def _unescaped(match: re.Match[str]) -> str:
    byte, high, low, four, eight, letter = match.groups()
    if high:
        # JSON writes a character beyond U+FFFF as two halves.
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    if code := byte or four or eight:
        return chr(int(code, 16))
    return _ESCAPES.get(letter, letter)
