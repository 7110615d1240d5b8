import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.gage_file import gage_file_schema
from gage.nearest import did_you_mean
from gage.schema import KEYWORDS, describe, violations

SCHEMA = gage_file_schema()
STANDARD = jsonschema.Draft202012Validator(SCHEMA)

GOOD: list[Any] = [
    {},
    {"train": "python train.py", "m1:fail": {"exec": ["a", "b"]}, "$digest": "blake3"},
    {"обучение": {"steps": ["a x=1", {"run": "b", "needs": ["a"], "expect": {"exit": 1.0}}]}},
    {
        "t": {
            "exec": {"run": "x", "finalize": ["y"]},
            "config": ["a.py#x", "-b"],
            "flags": {"a": 1, "b": None, "c": {"type": "number", "min": 0, "choices": [1, "a"]}},
            "sourcecode": False,
            "depends": [{"run": "p", "status": "error", "as": "in"}, {"files": ["a", "b"]}],
            "env": {"A": "1", "B": 2},
            "summary": "out/s.json",
            "metrics": {"loss": "x"},
            "tags": "a",
            "default": True,
        }
    },
]

BAD: list[Any] = [
    [],
    None,
    {"a b": "x"},
    {"a\n": "x"},
    {"a:b:c": "x"},
    {":a": "x"},
    {"-a": "x"},
    {"a/b": "x"},
    {"$foo": 1},
    {"$digest": "md5"},
    {"$digest": 1},
    {"$runs-dir": ""},
    {"a": 1},
    {"a": ""},
    {"a": {}},
    {"a": {"exec": "x", "steps": ["b"]}},
    {"a": {"exec": []}},
    {"a": {"exec": [1]}},
    {"a": {"exec": {"finalize": "x"}}},
    {"a": {"exec": {"run": "x", "finalise": "y"}}},
    {"a": {"exec": "x", "exce": "x"}},
    {"a": {"exec": "x", "default": "yes"}},
    {"a": {"exec": "x", "flags": []}},
    {"a": {"exec": "x", "flags": {"a b": 1}}},
    {"a": {"exec": "x", "flags": {"a:b": 1}}},
    {"a": {"exec": "x", "flags": {"-a": 1}}},
    {"a": {"exec": "x", "flags": {"a": []}}},
    {"a": {"exec": "x", "flags": {"a": {"typ": "int"}}}},
    {"a": {"exec": "x", "flags": {"a": {"type": "integer"}}}},
    {"a": {"exec": "x", "flags": {"a": {"choices": []}}}},
    {"a": {"exec": "x", "flags": {"a": {"min": "0"}}}},
    {"a": {"exec": "x", "flags": {"a": {"min": True}}}},
    {"a": {"exec": "x", "flags": {"a": {"env": "A-B"}}}},
    {"a": {"exec": "x", "env": {"RUN_ID": "1"}}},
    {"a": {"exec": "x", "env": {"A\n": "1"}}},
    {"a": {"exec": "x", "sourcecode": [""]}},
    {"a": {"exec": "x", "depends": {"run": "b"}}},
    {"a": {"exec": "x", "depends": [{}]}},
    {"a": {"exec": "x", "depends": [{"files": "x", "status": "error"}]}},
    {"a": {"exec": "x", "depends": [{"run": "b", "as": "../x"}]}},
    {"a": {"exec": "x", "depends": [{"run": "b", "as": "a/.."}]}},
    {"a": {"exec": "x", "summary": "/x"}},
    {"a": {"exec": "x", "metrics": {"": "x"}}},
    {"a": {"exec": "x", "label": 1}},
    {"a": {"steps": []}},
    {"a": {"steps": [{"name": "x"}]}},
    {"a": {"steps": [{"run": "x", "name": "../x"}]}},
    {"a": {"steps": [{"run": "x", "expect": {"exit": 0.5}}]}},
    {"a": {"steps": [{"run": "x", "nedds": "y"}]}},
]


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in *schema*, itself included."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "patternProperties", "$defs"):
        for sub in schema.get(keyword, {}).values():
            yield from subschemas(sub)
    for keyword in ("items", "additionalProperties", "propertyNames", "not"):
        yield from subschemas(schema.get(keyword))
    for keyword in ("anyOf", "oneOf"):
        for sub in schema.get(keyword, []):
            yield from subschemas(sub)


def is_right(value: Any) -> bool:
    return not list(violations(value, SCHEMA))


def test_the_schema_is_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_uses_no_keyword_that_the_check_does_not_know() -> None:
    used = {keyword for schema in subschemas(SCHEMA) for keyword in schema}
    assert used <= KEYWORDS


def test_enumerations_hold_texts_alone() -> None:
    assert all(isinstance(v, str) for s in subschemas(SCHEMA) for v in s.get("enum", []))


@pytest.mark.parametrize("value", GOOD)
def test_what_is_right_has_no_violations(value: Any) -> None:
    assert is_right(value)
    assert STANDARD.is_valid(value)


@pytest.mark.parametrize("value", BAD)
def test_what_is_wrong_is_found(value: Any) -> None:
    assert not is_right(value)
    assert not STANDARD.is_valid(value)


SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 0.5, "", "a", "a/b", "..", "\n", "$x", "A"]
)
NAMES = st.sampled_from(
    sorted(
        {key for schema in subschemas(SCHEMA) for key in schema.get("properties", {})}
        | {text for schema in subschemas(SCHEMA) for text in schema.get("enum", [])}
    )
)
VALUES = st.recursive(
    SCALARS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.just("a"), inner),
    max_leaves=10,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in *value* with each of its keys or indices."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@settings(max_examples=100)
@given(VALUES)
def test_the_check_agrees_with_the_standard(value: Any) -> None:
    assert is_right(value) == STANDARD.is_valid(value)


@settings(max_examples=100)
@given(st.data())
def test_the_check_agrees_with_the_standard_near_what_is_right(data: st.DataObject) -> None:
    value = copy.deepcopy(data.draw(st.sampled_from(GOOD[1:])))
    container, key = data.draw(st.sampled_from(list(places(value))))
    if isinstance(container, dict) and data.draw(st.booleans()):
        container[data.draw(NAMES | st.text(max_size=3))] = container.pop(key)
    else:
        container[key] = data.draw(VALUES)
    assert is_right(value) == STANDARD.is_valid(value)


@pytest.mark.parametrize(
    ("value", "place", "message", "hint"),
    [
        ({"a": {"exec": "x", "exce": 1}}, ("a", "exce"), "unknown key", "did you mean exec?"),
        (
            {"a": {"exec": "x", "flags": {"b": {"typ": 1}}}},
            ("a", "flags", "b", "typ"),
            "unknown key",
            "did you mean type?",
        ),
        (
            {"a": {"exec": [1]}},
            ("a", "exec", 0),
            "expected a string, not the number 1",
            "in quotes",
        ),
        ({"a": {"exec": ""}}, ("a", "exec"), "expected a string that is not empty", ""),
        ({"a": {"exec": []}}, ("a", "exec"), "expected a list that is not empty", ""),
        ({"a": {}}, ("a",), "expected an operation with either `exec` or `steps`", ""),
        ({"a": {"exec": {}}}, ("a", "exec"), "`run` is missing", ""),
        ({"$digest": "sha265"}, ("$digest",), "expected sha256 or blake3, not", "did you mean sha"),
        (
            {"a": {"exec": "x", "depends": [{"files": "x", "status": "error"}]}},
            ("a", "depends", 0, "status"),
            "needs `run` beside it",
            "",
        ),
    ],
)
def test_a_violation_says_what_would_be_right(
    value: Any, place: tuple[Any, ...], message: str, hint: str
) -> None:
    found = next(violations(value, SCHEMA))
    assert found.place == place
    assert found.message.startswith(message)
    assert found.hint.startswith(hint)
    assert bool(found.hint) == bool(hint)


def test_values_are_described_in_few_words() -> None:
    assert describe("x" * 100) == '"' + "x" * 60 + '..."'
    assert [describe(v) for v in (None, True, 1, 0.5, [], {})] == [
        "nothing",
        "the boolean yes",
        "the number 1",
        "the number 0.5",
        "a list",
        "a mapping",
    ]
    assert describe(10**5000) == "a very large number"


def test_a_hint_names_the_nearest_or_the_few_there_are() -> None:
    assert did_you_mean("trian", ["train", "test"]) == "did you mean train?"
    assert did_you_mean("zzz", ["train", "test"]) == "known here: train, test"
    assert did_you_mean("zzz", []) == ""
