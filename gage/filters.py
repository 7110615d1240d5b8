"""Filters: which runs of a listing are meant.

An expression compares fields with values: ``lr > 0.1 and not status in (error, terminated)``.

    expression  = term {"or" term}
    term        = factor {"and" factor}
    factor      = "not" factor | "(" expression ")" | comparison
    comparison  = NAME ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~") VALUE
                | NAME ["not"] "in" "(" VALUE {"," VALUE} ")"

A value means what the field's own value makes of it: a number where that is a number, a
time where it is a time, text otherwise; in quotes it is always text. ``~`` is "contains".
A comparison with a value that a run does not have does not hold, ``!=`` included.
"""

import operator as operators
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from gage import clock
from gage.errors import UsageError
from gage.fields import ALIASES, TIMES, Values, field, operation_names
from gage.moments import Span, parse_span
from gage.row import Row
from gage.scalar import Scalar, format_value
from gage.status import STATUSES

Predicate = Callable[[Row], bool]

EXAMPLE = "such as: lr > 0.1 and status in (completed, error)"

MAX_DEPTH = 50
"""How deep parentheses may be nested."""


class Filters(NamedTuple):
    """What a person asks a listing for. A run must meet each kind; of one kind, any will do.

    An operation is meant by its full name or by the part after the namespace. All
    *expressions* must hold. *limit* is the number of runs that are kept, from the first.
    """

    operations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    started: Span | None = None
    limit: int | None = None

    def apply(self, rows: Iterable[Row]) -> list[Row]:
        """Those of *rows* that are meant, in their order. Raises UsageError."""
        kept = list(rows)
        for test in self._tests():
            kept = [row for row in kept if test(row)]
        if self.limit is None:
            return kept
        if self.limit < 0:
            raise UsageError(f"{self.limit}: a number of runs is not negative")
        return kept[: self.limit]

    def _tests(self) -> list[Predicate]:
        tests: list[Predicate] = []
        for status in self.statuses:
            _check_status(status)
        if self.statuses:
            tests.append(lambda row: row.status in self.statuses)
        if self.operations:
            tests.append(lambda row: any(name in operation_names(row) for name in self.operations))
        if self.labels:
            tests.append(lambda row: row.label in self.labels)
        if self.tags:
            tests.append(lambda row: any(tag in row.tags for tag in self.tags))
        if (span := self.started) is not None:
            tests.append(lambda row: row.started is not None and span.holds(row.started))
        return tests + [parse_filter(text) for text in self.expressions]


def parse_filter(text: str, now: clock.Clock = clock.now) -> Predicate:
    """The test that a filter expression stands for; *now* is for times such as ``today``.

    Raises UsageError that says where in *text* what was expected.
    """
    tokens = _Tokens(text, now)
    predicate = _expression(tokens, 0)
    if tokens.next.kind != "end":
        raise tokens.unexpected("`and`, `or` or the end")
    return predicate


def filter_fields(text: str) -> list[str]:
    """The names of fields that a filter expression, which makes sense, asks for."""
    tokens = list(_tokens_to_end(text))
    following = pairwise(tokens)
    return [
        token.text
        for token, after in following
        if token.kind in ("word", "quoted")
        and (after.kind == "operator" or (after.kind == "word" and after.text in ("in", "not")))
        and token.text not in ("and", "or", "not")
    ]


def filter_values(text: str, fields: Collection[str]) -> list[list[str]]:
    """What each comparison in a filter expression lets one of *fields* be, by ``=`` or ``in``."""
    tokens = list(_tokens_to_end(text))
    found = []
    for i, (name, by) in enumerate(pairwise(tokens)):
        if name.kind not in ("word", "quoted") or name.text not in fields:
            continue
        if by.kind == "operator" and by.text in ("=", "=="):
            found.append([tokens[i + 2].text])
        elif by.kind == "word" and by.text == "in":
            values = takewhile(lambda token: token.kind != ")", tokens[i + 2 :])
            found.append([value.text for value in values if value.kind in ("word", "quoted")])
    return found


class _Token(NamedTuple):
    kind: str  # word, quoted, operator, a punctuation mark, or end
    text: str
    column: int


class _Tokens:
    """The tokens of an expression, with one to look at."""

    def __init__(self, text: str, now: clock.Clock) -> None:
        self.text = text
        self.now = now
        self._tokens = _tokens(text)
        self.next = next(self._tokens)

    def take(self) -> _Token:
        """The next token; the one after it is then the next."""
        token = self.next
        self.next = next(self._tokens)
        return token

    def took(self, *texts: str) -> bool:
        """Whether the next token is one of *texts*, unquoted; if so it is taken."""
        if self.next.text in texts and self.next.kind not in ("quoted", "end"):
            self.take()
            return True
        return False

    def unexpected(self, expected: str) -> UsageError:
        """The error that the next token is not what was *expected*."""
        found = "the end" if self.next.kind == "end" else f"`{self.next.text}`"
        return _error(self.text, self.next.column, f"expected {expected}, found {found}")


_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<operator>==|!=|<=|>=|=|<|>|~)
    |(?P<mark>[(),])
    |(?P<word>[^\s()=!<>~,'"]+)
    |(?P<end>$))""",
    re.VERBOSE | re.DOTALL,
)


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            start = len(text) - len(text[position:].lstrip())
            trouble = "a quote is not closed" if text[start] in "'\"" else f"stray `{text[start]}`"
            raise _error(text, start + 1, trouble)
        kind, token = match.lastgroup, match[match.lastgroup]
        if kind == "quoted":
            token = re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
        yield _Token(token if kind == "mark" else kind, token, match.start(kind) + 1)
        position = match.end()


def _tokens_to_end(text: str) -> Iterator[_Token]:
    for token in _tokens(text):
        yield token
        if token.kind == "end":
            return


def _error(text: str, column: int, trouble: str) -> UsageError:
    return UsageError(
        f"filter `{text}`: column {column}: {trouble}",
        EXAMPLE,
    )


def _expression(tokens: _Tokens, depth: int) -> Predicate:
    terms = [_term(tokens, depth)]
    while tokens.took("or"):
        terms.append(_term(tokens, depth))
    return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)


def _term(tokens: _Tokens, depth: int) -> Predicate:
    factors = [_factor(tokens, depth)]
    while tokens.took("and"):
        factors.append(_factor(tokens, depth))
    return factors[0] if len(factors) == 1 else lambda row: all(f(row) for f in factors)


def _factor(tokens: _Tokens, depth: int) -> Predicate:
    if depth > MAX_DEPTH:
        raise tokens.unexpected(f"less than {MAX_DEPTH} levels")
    if tokens.took("not"):
        inner = _factor(tokens, depth + 1)
        return lambda row: not inner(row)
    if tokens.took("("):
        inner = _expression(tokens, depth + 1)
        if not tokens.took(")"):
            raise tokens.unexpected("`and`, `or` or `)`")
        return inner
    return _comparison(tokens)


def _comparison(tokens: _Tokens) -> Predicate:
    if tokens.next.kind not in ("word", "quoted"):
        raise tokens.unexpected("the name of a field")
    name = tokens.take().text
    name = ALIASES.get(name, name)
    of = operation_names if name == "operation" else field(name)
    if tokens.next.kind == "operator":
        operator = {"==": "="}.get(tokens.next.text, tokens.next.text)
        tokens.take()
        return _compare(of, operator, _value(tokens, name, operator))
    negated = tokens.took("not")
    if not tokens.took("in"):
        raise tokens.unexpected("`in`" if negated else "a comparison such as `=`, `<` or `in`")
    if not tokens.took("("):
        raise tokens.unexpected("`(`")
    tests = [_value(tokens, name, "=")]
    while tokens.took(","):
        tests.append(_value(tokens, name, "="))
    if not tokens.took(")"):
        raise tokens.unexpected("`,` or `)`")
    if negated:
        return lambda row: bool(v := of(row)) and not any(t(x) for t in tests for x in v)
    return lambda row: any(test(value) for test in tests for value in of(row))


def _compare(
    of: Callable[[Row], Values], operator: str, test: Callable[[Scalar], bool]
) -> Predicate:
    if operator == "!=":
        return lambda row: bool(values := of(row)) and not any(test(value) for value in values)
    return lambda row: any(test(value) for value in of(row))


def _value(tokens: _Tokens, name: str, operator: str) -> Callable[[Scalar], bool]:
    """The test of one value of the field *name*; for ``!=`` that of ``=``, to be turned."""
    if tokens.next.kind not in ("word", "quoted"):
        raise tokens.unexpected("a value")
    column = tokens.next.column
    kind, text, _ = tokens.take()
    operator = "=" if operator == "!=" else operator
    try:
        if name == "status" and operator == "=":
            _check_status(text)
        if name in TIMES:
            return _time_test(operator, _span(text, tokens.now))
    except UsageError as error:
        raise UsageError(
            f"filter `{tokens.text}`: column {column}: {error.message}", error.hint or EXAMPLE
        ) from None
    return _text_test(operator, text, kind == "quoted")


def _text_test(operator: str, text: str, quoted: bool) -> Callable[[Scalar], bool]:
    if operator == "~":
        return lambda value: text in (value if isinstance(value, str) else format_value(value))
    compare = _COMPARE[operator]
    number = None if quoted else _number(text)
    word = None if quoted or operator != "=" else text.lower()

    def test(value: Scalar) -> bool:
        if isinstance(value, str):
            return compare(value, text)
        if value is None or isinstance(value, bool):
            return word in _WORDS[value]
        return number is not None and compare(value, number)

    return test


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operators.eq,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
_WORDS: Mapping[bool | None, tuple[str, ...]] = {
    True: ("yes", "true", "on"),
    False: ("no", "false", "off"),
    None: ("null", "none"),
}


def _time_test(operator: str, span: Span) -> Callable[[Scalar], bool]:
    if operator == "~":
        raise UsageError("a time contains nothing; compare it with `=`, `<` or `>`")
    compare = _COMPARE[operator]
    return lambda value: compare(_side(span, int(value or 0)), 0)


def _side(span: Span, stamp: int) -> int:
    """Less than 0, 0, or more: whether *stamp* lies before, in, or after *span*."""
    if span.holds(stamp):
        return 0
    return -1 if span.start is not None and stamp < span.start else 1


def _span(text: str, now: clock.Clock) -> Span:
    if text.isdecimal() and 9 <= len(text) <= 18:  # as the facts hold it
        return Span(int(text), int(text) + 1)
    return parse_span(text, now())


def _number(text: str) -> float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _check_status(status: str) -> None:
    if status not in STATUSES:
        from gage.nearest import nearest

        near = nearest(status, STATUSES, 1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(STATUSES)}"
        raise UsageError(f"`{status}` is no status", hint)
