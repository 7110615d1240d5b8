"""A check of JSON values against JSON Schema, draft 2020-12, as far as our own schemas use it.

Each violation tells its place and what would be right. That comes from the schema: the
annotation ``x-expected`` says it as a noun phrase, else it follows from the keyword. As in
the standard, a keyword says nothing about values of a type that it is not made for.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gage.nearest import did_you_mean

Place = tuple[str | int, ...]
Schema = Mapping[str, Any]


class Violation(NamedTuple):
    """What is wrong at *place*, a path of keys and of positions in lists."""

    place: Place
    message: str
    hint: str = ""


def violations(value: Any, schema: Schema) -> Iterator[Violation]:
    """Everything in *value* that *schema* forbids, in the order of the document."""
    return _check(value, schema, (), schema)


def describe(value: Any) -> str:
    """*value* in a few words, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {'yes' if value else 'no'}"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:60]}..."'
    if isinstance(value, int | float):
        return (
            f"the number {value}"
            if isinstance(value, float) or value.bit_length() < 200
            else ("a very large number")
        )
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else "a date or time without quotes"


def _check(value: Any, schema: Schema, place: Place, root: Schema) -> Iterator[Violation]:
    if "$ref" in schema:
        yield from _check(value, _resolved(schema["$ref"], root), place, root)
    for keyword, argument in schema.items():
        if keyword in _TESTS:
            if not _TESTS[keyword](value, argument):
                yield Violation(place, *_mismatch(value, schema, keyword))
                return  # what else is wrong with it follows from this
        elif keyword in _COMBINING and not _combined(value, keyword, argument, root):
            yield Violation(place, *_mismatch(value, schema, keyword))
    if isinstance(value, dict):
        yield from _check_mapping(value, schema, place, root)
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            yield from _check(item, schema["items"], (*place, i), root)


def _check_mapping(
    value: dict[str, Any], schema: Schema, place: Place, root: Schema
) -> Iterator[Violation]:
    properties = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield Violation(place, f"`{key}` is missing")
    for key, needed in schema.get("dependentRequired", {}).items():
        for other in needed:
            if key in value and other not in value:
                yield Violation((*place, key), f"needs `{other}` beside it")
    for key, item in value.items():
        if "propertyNames" in schema:
            bad = list(_check(key, schema["propertyNames"], (*place, key), root))
            yield from bad
            if bad:
                continue
        known = [properties[key]] if key in properties else []
        for pattern, sub in schema.get("patternProperties", {}).items():
            known += [sub] if re.search(pattern, key) else []
        rest = schema.get("additionalProperties")
        if not known and rest is False:
            yield Violation((*place, key), "unknown key", did_you_mean(key, properties))
        elif not known and rest is not None:
            known = [rest]
        for sub in known:
            yield from _check(item, sub, (*place, key), root)


def _combined(value: Any, keyword: str, argument: Any, root: Schema) -> bool:
    options = [argument] if keyword == "not" else argument
    valid = sum(1 for option in options if not any(_check(value, option, (), root)))
    return valid == 0 if keyword == "not" else valid == 1 if keyword == "oneOf" else valid > 0


def _resolved(ref: str, root: Schema) -> Schema:
    schema: Any = root
    for part in ref.removeprefix("#/").split("/"):
        schema = schema[part]
    return schema  # type: ignore[no-any-return]


def _mismatch(value: Any, schema: Schema, keyword: str) -> tuple[str, str]:
    """The message and the hint for a *value* that *keyword* of *schema* refuses."""
    hint = ""
    if keyword == "enum" and isinstance(value, str):
        hint = did_you_mean(value, schema["enum"])
        hint = hint if hint.startswith("did") else ""
    types = _listed(schema.get("type"))
    if "string" in types and isinstance(value, bool | int | float):
        hint = "in quotes it is a string"
    expected = schema.get("x-expected") or _expected(types, schema, keyword)
    shown = "" if isinstance(value, dict) and keyword in _COMBINING else describe(value)
    shown = "" if keyword in ("minLength", "minItems") else shown
    return f"expected {expected}" + (f", not {shown}" if shown else ""), hint


def _expected(types: list[str], schema: Schema, keyword: str) -> str:
    if keyword == "enum":
        return " or ".join(map(str, schema["enum"]))
    if keyword in ("minLength", "minItems"):
        types = ["string"] if keyword == "minLength" else ["array"]
    words = " or ".join(_WORDS[name] for name in types) or "something else"
    return words if keyword == "type" else f"{words} that is not empty"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _is_type(value: Any, types: Any) -> bool:
    return any(_TYPES[name](value) for name in _listed(types))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "number": _is_number,
    "integer": lambda v: _is_number(v) and (isinstance(v, int) or v.is_integer()),
    "null": lambda v: v is None,
}

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "boolean": "yes or no",
    "number": "a number",
    "integer": "a whole number",
    "null": "nothing",
}

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "type": _is_type,
    # Our enumerations hold texts alone, so 1 and True cannot be confused here.
    "enum": lambda v, options: isinstance(v, str) and v in options,
    "pattern": lambda v, pattern: not isinstance(v, str) or bool(re.search(pattern, v)),
    "minLength": lambda v, n: not isinstance(v, str) or len(v) >= n,
    "minItems": lambda v, n: not isinstance(v, list) or len(v) >= n,
}

_COMBINING = frozenset(["anyOf", "oneOf", "not"])

ANNOTATIONS = frozenset(["$schema", "$defs", "title", "description", "x-expected"])
KEYWORDS = ANNOTATIONS | _COMBINING | {
    "$ref", "items", "properties", "patternProperties",
    "additionalProperties", "propertyNames", "required", "dependentRequired",
} | _TESTS.keys()  # fmt: skip
"""Every keyword that the check knows; a schema that uses another would not be checked."""
