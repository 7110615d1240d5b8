"""A sequence: the text of a value that stands for several, each for a trial of its own.

    [0.1, 0.01, "a, b"]   these values, each as on the command line
    range[0:1:0.25]       from 0 by steps of 0.25 up to 1, and 1 itself where it is met
    linspace[0:1:5]       5 values from 0 to 1, evenly spaced
    logspace[-4:-1:4]     4 values from 10 to the -4th to 10 to the -1st, evenly spaced there

Any other text is a value, and so is a sequence in quotes: ``"[a]"``.
"""

import re
from typing import TYPE_CHECKING

from gage.errors import ConfigError

if TYPE_CHECKING:
    from fractions import Fraction

LIMIT = 10_000
"""Trials of a batch, and so values of a sequence."""

_SPACED = ("range", "linspace", "logspace")
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?"
_LONGEST_NUMBER = 40
_DIGITS = 500
"""Enough that no sum of such numbers is ever rounded."""

_HINTS = {
    "range": "range[START:STOP] or range[START:STOP:STEP], as in range[0:1:0.25]",
    "linspace": "linspace[START:STOP:COUNT], as in linspace[0:1:5]",
    "logspace": "logspace[START:STOP:COUNT], exponents of ten, as in logspace[-4:-1:4]",
}


def is_sequence(text: str) -> bool:
    """Whether *text* stands for several values: its first bracket closes at its very end."""
    if not text.endswith("]"):
        return False
    head, _, _ = text.partition("[")
    return head in ("", *_SPACED) and _scan(text, len(head) + 1)[0] == len(text)


def parse_sequence(text: str) -> list[str]:
    """The values of a sequence, each as the text that means it on a command line.

    Raises ConfigError for one that makes no sense, is empty, or is longer than LIMIT.
    """
    head, _, body = text[:-1].partition("[")
    if head in _SPACED:
        return _spaced(head, body, text)
    _, items = _scan(text, 1)
    if items == [""]:
        raise ConfigError(f"{text}: a sequence without a value")
    check_count(len(items), text)
    for number, item in enumerate(items, 1):
        if not item:
            raise ConfigError(f"{text}: value {number} is missing", "nothing at all is null")
        if item[0] == "[" or is_sequence(item):
            raise ConfigError(f"{text}: {item}: a sequence cannot hold another")
        if item[0] in "\"'" and _quote_end(item, 0) != len(item):
            raise ConfigError(f"{text}: {item}: unexpected text behind the quotes")
    return items


def check_count(count: int, what: str) -> None:
    """Raise ConfigError where *what* makes too many trials."""
    if count > LIMIT:
        raise ConfigError(f"{what}: makes {count:,} trials, and a batch has {LIMIT:,} at most")


def _scan(text: str, at: int) -> tuple[int, list[str]]:
    """The items from *at* on, and the position behind the bracket that closes them; 0 for none.

    A quote counts only where a value begins.
    """
    items: list[str] = []
    depth, start, fresh = 1, at, True
    while at < len(text):
        char = text[at]
        if char in "\"'" and fresh:
            at = _quote_end(text, at) or len(text)
            fresh = False
            continue
        if char == "," and depth == 1:
            items.append(text[start:at].strip())
            start = at + 1
        depth += (char == "[") - (char == "]")
        at += 1
        if not depth:
            return at, [*items, text[start : at - 1].strip()]
        fresh = char in ",[" or (fresh and char.isspace())
    return 0, []


def _quote_end(text: str, start: int) -> int:
    """The position behind the quoted text that begins at *start*; 0 where it is never closed."""
    pattern = r'"(?:[^"\\]|\\.)*"' if text[start] == '"' else r"'(?:[^']|'')*'"
    match = re.compile(pattern, re.DOTALL).match(text, start)
    return match.end() if match else 0


def _spaced(head: str, body: str, text: str) -> list[str]:
    parts = [part.strip() for part in body.split(":")]
    if len(parts) != 3 and not (head == "range" and len(parts) == 2):
        raise ConfigError(
            f"{text}: expected {'two or ' * (head == 'range')}three numbers", _HINTS[head]
        )
    for part in parts:
        if not re.fullmatch(_NUMBER, part) or len(part) > _LONGEST_NUMBER:
            raise ConfigError(f"{text}: {part or 'nothing'}: expected a number", _HINTS[head])
    if head == "range":
        return _range(parts[0], parts[1], parts[2] if len(parts) == 3 else "1", text)
    if not parts[2].isdecimal() or int(parts[2]) == 0:
        raise ConfigError(f"{text}: {parts[2]}: expected how many values", _HINTS[head])
    check_count(int(parts[2]), text)
    return (_linspace if head == "linspace" else _logspace)(parts[0], parts[1], int(parts[2]))


def _range(start: str, stop: str, step: str, text: str) -> list[str]:
    from decimal import Decimal, localcontext

    with localcontext(prec=_DIGITS):
        first, last, by = Decimal(start), Decimal(stop), Decimal(step)
        if not by:
            raise ConfigError(f"{text}: a step of zero never arrives")
        count = int((last - first) / by) + 1 if (last - first) / by >= 0 else 0
        if not count:
            raise ConfigError(f"{text}: no value from {start} to {stop} by steps of {step}")
        check_count(count, text)
        values = [first + i * by for i in range(count)]
        return [
            str(int(value)) if value == int(value) else f"{value.normalize():f}" for value in values
        ]


def _linspace(start: str, stop: str, count: int) -> list[str]:
    from fractions import Fraction

    values = _evenly(Fraction(start), Fraction(stop), count)
    return [str(int(v)) if v.denominator == 1 else repr(float(v)) for v in values]


def _logspace(start: str, stop: str, count: int) -> list[str]:
    from fractions import Fraction

    exponents = _evenly(Fraction(start), Fraction(stop), count)
    if any(abs(exponent) > 300 for exponent in exponents):
        raise ConfigError(f"logspace[{start}:{stop}:{count}]: too large for a number")
    # A power as text is exact where the exponent is whole: 10.0**-5 is not 1e-05 everywhere.
    return [
        repr(float(f"1e{e.numerator}") if e.denominator == 1 else 10.0 ** float(e))
        for e in exponents
    ]


def _evenly(first: "Fraction", last: "Fraction", count: int) -> "list[Fraction]":
    if count == 1:
        return [first]
    return [first + (last - first) * i / (count - 1) for i in range(count)]
