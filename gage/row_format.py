"""A format: what ``gage-ls-runs --format`` prints of a run, as git-for-each-ref(1) does of a ref.

``%(FIELD)`` is a value, ``%(started:iso)`` a time as ISO 8601, ``%(id:short)`` eight digits,
``%%`` a percent sign, ``%09`` the byte with these hex digits. ``%(if)A%(then)B%(else)C%(end)``
is B where A is more than white space, else C, or nothing; with ``%(if:equals=TEXT)`` and
``%(if:notequals=TEXT)`` where A is that text, or is not.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from gage import clock
from gage.clock import Clock
from gage.errors import UsageError
from gage.fields import GROUPS, TIMES, field
from gage.modifiers import known_modifiers, padding, shell_quoted, split_modifiers, value_modifier
from gage.row import Row
from gage.scalar import Scalar, format_value
from gage.shown import escaped

_TOKEN = re.compile(r"%(?:\(([^()]*)\)|(%)|([0-9A-Fa-f]{2})|)")

MAX_DEPTH = 100
"""How deep conditions may be nested: what is shown is asked as deep as it was read."""

_Shown = Callable[[str], str]
"""How a value is shown, escaped or not."""

_Part = Callable[[Row, _Shown], str]


class _Token(NamedTuple):
    kind: Literal["text", "field"]
    text: str


def parse_format(
    text: str, *, escape: bool = True, shell: bool = False, now: Clock = clock.now
) -> Callable[[Row], str]:
    """What the format *text* makes of a row; with *escape*, a value stays on its line.

    With *shell* each value is quoted for sh(1), or all that an ``%(if)`` makes, and otherwise
    as it is. Raises UsageError.
    """
    parts = _Parser(list(_tokens(text)), now).parts(())
    shown = escaped if escape and not shell else str

    def line(row: Row) -> str:
        return "".join(
            part
            if isinstance(part, str)
            else shell_quoted(part(row, shown))
            if shell
            else part(row, shown)
            for part in parts
        )

    return line


def _tokens(text: str) -> Iterator[_Token]:
    end = 0
    for match in _TOKEN.finditer(text):
        yield _Token("text", text[end : match.start()])
        end = match.end()
        if match[1] is not None:
            yield _Token("field", match[1])
        elif match[2] or match[3]:
            byte = b"%" if match[2] else bytes.fromhex(match[3])
            yield _Token("text", byte.decode("utf-8", "surrogateescape"))
        else:
            raise UsageError(
                f"format `{text}`: unexpected % at column {match.start() + 1}",
                "write %(FIELD), %% for a percent sign, %09 for a tab",
            )
    yield _Token("text", text[end:])


class _Parser:
    """Reads *tokens* from the front."""

    def __init__(self, tokens: list[_Token], now: Clock) -> None:
        self._tokens = tokens[::-1]
        self._now = now
        self._depth = 0

    def parts(self, ends: Sequence[str]) -> list[str | _Part]:
        """What comes up to one of the words *ends*, which is next; to the end for none."""
        parts: list[str | _Part] = []
        while self._tokens:
            kind, text = token = self._tokens.pop()
            if kind == "text":
                parts.append(text)
            elif text in ends:
                self._tokens.append(token)
                return parts
            elif text in ("then", "else", "end"):
                raise UsageError(f"format %({text}): has no %(if) before it", _HOW)
            elif text.partition(":")[0] == "if":
                parts.append(self._conditional(text))
            else:
                parts.append(_value(text, self._now))
        if ends:
            missing = " or ".join(f"%({word})" for word in ends)
            raise UsageError(f"format: {missing} is missing behind an %(if)", _HOW)
        return parts

    def _conditional(self, text: str) -> _Part:
        holds = _condition(text)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UsageError(f"format: more than {MAX_DEPTH} %(if) in one another")
        asked = self.parts(("then",))
        self._tokens.pop()
        chosen = self.parts(("else", "end"))
        other: list[str | _Part] = []
        if self._tokens.pop().text == "else":
            other = self.parts(("end",))
            self._tokens.pop()
        self._depth -= 1
        return lambda row, shown: _text(
            chosen if holds(_text(asked, row, str)) else other, row, shown
        )


_HOW = "%(if)A%(then)B%(else)C%(end), where %(else)C may be left out"


def _condition(text: str) -> Callable[[str], bool]:
    how, _, wanted = text.removeprefix("if").removeprefix(":").partition("=")
    if text == "if":
        return lambda value: bool(value.strip())
    if how in ("equals", "notequals") and "=" in text:
        return lambda value: (value == wanted) == (how == "equals")
    raise UsageError(f"format %({text}): no such condition", "%(if:equals=TEXT) is one")


def _text(parts: Sequence[str | _Part], row: Row, shown: _Shown) -> str:
    return "".join(part if isinstance(part, str) else part(row, shown) for part in parts)


def _value(text: str, now: Clock) -> _Part:
    grouped = text.startswith(tuple(f"{group}." for group in GROUPS))
    name, modifiers = split_modifiers(text, only_padding=grouped)
    kind = {"time": name in TIMES, "id": name in ("id", "parent")}
    of = field(name)
    change: Callable[[Scalar], str] = _plain
    pads = []
    for how in modifiers:
        if pad := padding(how):
            pads.append(pad)
        elif changed := value_modifier(how, **kind, now=now):
            change = changed
        else:
            raise UsageError(
                f"format %({text}): no such field",
                f"what can change {name or 'a field'}: {known_modifiers(**kind)}",
            )
    if not name:
        raise UsageError(f"format %({text}): no such field", "write %(FIELD), as %(status)")

    def value(row: Row, shown: _Shown) -> str:
        value = shown(",".join(change(value) for value in of(row)))
        for pad in pads:
            value = pad(value)
        return value

    return value


def _plain(value: Scalar) -> str:
    return value if isinstance(value, str) else format_value(value)
