"""Modifiers: how a format changes a value, as in ``%(started:iso)`` and ``%(loss:right=8)``."""

import re
from collections.abc import Callable

from gage.clock import Clock, iso
from gage.run import SHORT_ID
from gage.scalar import Scalar

_PADDING = re.compile(r"(left|right)=(\d{1,4})")

_UNITS = (
    (60, "second"),
    (3600, "minute"),
    (86_400, "hour"),
    (14 * 86_400, "day"),
    (60 * 86_400, "week"),
    (730 * 86_400, "month"),
)
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "year": 365 * 86_400,
}


def split_modifiers(text: str, *, only_padding: bool) -> tuple[str, list[str]]:
    """The name of a field and the modifiers behind it, ``NAME:MODIFIER:…``.

    With *only_padding* the name may hold colons itself: a modifier holds ``=``, and it cannot.
    """
    name, *modifiers = text.split(":")
    while only_padding and modifiers and "=" not in modifiers[0]:
        name += ":" + modifiers.pop(0)
    return name, modifiers


def value_modifier(how: str, *, time: bool, id: bool, now: Clock) -> Callable[[Scalar], str] | None:
    """What the modifier *how* makes of a value that is a *time* or an *id*; None for no such."""
    if id and how == "short":
        return lambda value: str(value)[:SHORT_ID]
    return _of_times(now).get(how) if time else None


def padding(how: str) -> Callable[[str], str] | None:
    """What ``left=N`` and ``right=N`` make of a text, in characters; None for anything else."""
    match = _PADDING.fullmatch(how)
    if not match:
        return None
    width = int(match[2])
    return lambda text: text.ljust(width) if match[1] == "left" else text.rjust(width)


def relative(stamp: int, now: int) -> str:
    """*stamp* as seen at *now*, both in microseconds: ``3 hours ago``, ``in 2 days``."""
    seconds = abs(now - stamp) // 1_000_000
    unit = next((unit for limit, unit in _UNITS if seconds < limit), "year")
    count = seconds // _SECONDS[unit]
    text = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{text} ago" if stamp <= now else f"in {text}"


def shell_quoted(text: str) -> str:
    """*text* as a word of sh(1), in quotes also where it needs none."""
    return "'" + text.replace("\0", "").replace("'", "'\"'\"'") + "'"


def _of_times(now: Clock) -> dict[str, Callable[[Scalar], str]]:
    return {
        "iso": lambda value: iso(int(value or 0)),
        "local": lambda value: _local(int(value or 0)),
        "relative": lambda value: relative(int(value or 0), now()),
        "unix": lambda value: str(int(value or 0) // 1_000_000),
    }


def _local(stamp: int) -> str:
    import time

    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp // 1_000_000))
    except (ValueError, OverflowError, OSError):
        return str(stamp)


def known_modifiers(*, time: bool, id: bool) -> str:
    """The modifiers that a field of this kind can have, for an error."""
    own = [*(_of_times(lambda: 0) if time else ()), *(["short"] if id else ())]
    return ", ".join(f":{how}" for how in [*own, "left=N", "right=N"])
