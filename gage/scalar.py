"""A scalar: one value of config, as every format and the command line can hold it.

On the command line and in listings a scalar is text as YAML reads it: ``0.1`` is a
number, ``no`` a boolean, nothing at all is null, and a string that would be taken for
one of these is written as a JSON string.
"""

import re
from typing import Literal

Scalar = str | int | float | bool | None
Kind = Literal["string", "int", "float", "boolean", "null"]

ALL_KINDS: frozenset[Kind] = frozenset(["string", "int", "float", "boolean", "null"])

_KINDS: dict[type, Kind] = {
    str: "string",
    bool: "boolean",
    int: "int",
    float: "float",
    type(None): "null",
}

# As texts, which re compiles when they are first asked: most commands never do.
_READS_AS_ANOTHER = r"""(?xi)y|n|yes|no|on|off|true|false|null|~
    |[-+]?0[xob][0-9a-f_]+
    |(?=.*[0-9])[-+]?[0-9_]*+(:[0-9_]++)*+\.?[0-9_]*+(e[-+]?[0-9_]+)?
    |[-+]?\.?(inf|infinity|nan)"""
"""Words, integers, floats and sexagesimals, of YAML 1.1 and 1.2 alike.

Digits that were taken are not given back, which would take time with the square of their number.
"""

_SEQUENCE_START = ("[", "range[", "linspace[", "logspace[")
_NO_PLAIN_START = ("'", '"', "!", "&", "|", ">", "---", "...")


def kind_of(value: Scalar) -> Kind:
    """The kind of *value*; True is a boolean and no int."""
    return _KINDS[type(value)]


def same(a: Scalar, b: Scalar) -> bool:
    """Whether *a* and *b* are one value of one kind.

    ``nan`` is the same as ``nan``; ``1`` differs from ``1.0`` and from True, and ``0.0``
    from ``-0.0``.
    """
    if isinstance(a, float) and isinstance(b, float):
        return repr(a) == repr(b)
    return type(a) is type(b) and a == b


def format_value(value: Scalar) -> str:
    """One line of text that, as ``NAME=TEXT`` on a command line, means *value* again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _format_float(value)
    if isinstance(value, int):
        return str(value)
    return value if _is_plain(value) else quoted(value)


def quoted(text: str) -> str:
    """*text* as a JSON string of one line that shows on any terminal."""
    import json

    return "".join(
        c if c.isprintable() or c > "\uffff" else f"\\u{ord(c):04x}"
        for c in json.dumps(text, ensure_ascii=False)
    )


def _format_float(value: float) -> str:
    text = repr(value)
    if text in ("nan", "inf", "-inf"):
        return text.replace("nan", ".nan").replace("inf", ".inf")
    return text


def _is_plain(text: str) -> bool:
    return (
        text != ""
        and text.isprintable()
        and text == text.strip()
        and not text.startswith(_NO_PLAIN_START)
        and not (text.endswith("]") and text.startswith(_SEQUENCE_START))
        and " #" not in text
        and not re.fullmatch(_READS_AS_ANOTHER, text)
    )
