import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.config import Constant
from gage.errors import ConfigError, UsageError
from gage.flags import (
    Resolved,
    as_text,
    flag_environment,
    flag_trouble,
    format_value,
    parse_assignment,
    parse_value,
    resolve_config,
)
from gage.opdef import OpDef, flag_defs
from gage.scalar import ALL_KINDS, Kind, Scalar, kind_of, same

SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
)


def constant(key: str, value: Scalar, *more: Kind, line: int = 1) -> Constant:
    kinds: set[Kind] = {kind_of(value), *more}
    if isinstance(value, float):
        kinds.add("int")
    return Constant(key, value, "train.py", line, ALL_KINDS if value is None else frozenset(kinds))


def resolve(
    flags: dict[str, Any], constants: list[Constant], *given: str, force: bool = False
) -> Resolved:
    opdef = OpDef("train", {"exec": "x", "flags": flags})
    assignments = dict(map(parse_assignment, given))
    return resolve_config(opdef, {c.key: c for c in constants}, assignments, force=force)


@given(SCALARS)
def test_a_value_shown_to_a_person_can_be_given_again(value: Scalar) -> None:
    assert same(parse_value(format_value(value)), value)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lr=0.1", "lr", "0.1"),
        ("s=a=b", "s", "a=b"),
        ("x=", "x", ""),
        ('"a=b".c=1', '"a=b".c', "1"),
        ('a"=1', 'a"', "1"),
        ("a.py#lr=1", "a.py#lr", "1"),
        ("x=\n=", "x", "\n="),
    ],
)
def test_an_assignment_is_a_name_and_a_text(text: str, name: str, value: str) -> None:
    assert parse_assignment(text) == (name, value)


@pytest.mark.parametrize("text", ["lr", "", "=1"])
def test_an_assignment_without_a_name_or_a_value_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected NAME=VALUE"):
        parse_assignment(text)


def test_a_later_source_wins() -> None:
    constants = [constant("a", 1), constant("b", 1), constant("c", 1)]
    resolved = resolve({"b": 2, "c": 2, "d": "x"}, constants, "c=3")
    assert resolved == Resolved({"a": 1, "b": 2, "c": 3, "d": "x"}, ["c"], frozenset())


@pytest.mark.parametrize(
    ("value", "text", "hint"),
    [
        (0.1, "0.1,0.2", "several values are written x=[0.1,0.2]"),
        (1, "1, 2,3", "several values are written x=[1, 2,3]"),
        (True, "yes,no", "several values are written x=[yes,no]"),
        (1, "1,2.5", "the flag's `type`"),
        (0.1, "0.1,x", "the flag's `type`"),
        (0.1, "0.1,", "the flag's `type`"),
        (0.1, "x", "the flag's `type`"),
    ],
)
def test_values_with_commas_are_told_how_several_are_written(
    value: Scalar, text: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        resolve({}, [constant("x", value)], f"x={text}")
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("constant_value", "text", "value"),
    [
        (0.1, "1", 1.0),
        (0.1, "1e-3", 0.001),
        (0.1, ".nan", math.nan),
        (1, "0x10", 16),
        ("a", "123", "123"),
        ("a", "no", "no"),
        ("a", '"123"', "123"),
        ("a", "", ""),
        ("a", "~", "~"),
        (True, "no", False),
        (None, "1", 1),
        (None, "", None),
    ],
)
def test_the_constant_says_how_a_text_is_read(
    constant_value: Scalar, text: str, value: Scalar
) -> None:
    resolved = resolve({}, [constant("x", constant_value)], f"x={text}")
    assert same(resolved.config["x"], value)
    assert resolved.forced == frozenset()


@pytest.mark.parametrize(
    ("constant_value", "text", "expected"),
    [
        (0.1, "abc", r"lr=abc: expected a number \(train.py:7 has 0.1\)"),
        (1, "0.5", r"lr=0.5: expected a whole number \(train.py:7 has 1\)"),
        (1, "", r"lr=: expected a whole number"),
        (True, "1", r"lr=1: expected yes or no \(train.py:7 has `yes`\)"),
        (1, "yes", r"lr=yes: expected a whole number"),
        (0.5, "1" + "0" * 400, r"lr: the number is too large"),
    ],
)
def test_a_value_of_another_kind_is_refused(
    constant_value: Scalar, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        resolve({}, [constant("lr", constant_value, line=7)], f"lr={text}")


def test_an_optional_constant_takes_nothing_for_null() -> None:
    assert resolve({}, [constant("s", "a", "null")], "s=").config == {"s": None}


def test_the_type_of_a_flag_narrows_its_constant() -> None:
    with pytest.raises(ConfigError, match=r"expected a whole number \(x is of the type int\)"):
        resolve({"x": {"type": "int"}}, [constant("x", 0.5)], "x=1.5")


def test_the_type_of_a_flag_widens_its_constant() -> None:
    resolved = resolve({"x": {"type": "number"}}, [constant("x", 1)], "x=0.5")
    assert resolved.config == {"x": 0.5}
    assert resolved.forced == {"x"}
    text = resolve({"x": {"type": "string"}}, [constant("x", 1)], "x=5")
    assert (text.config, text.forced) == ({"x": "5"}, {"x"})


def test_a_default_must_suit_its_constant() -> None:
    with pytest.raises(ConfigError, match="the default of x: expected a whole number"):
        resolve({"x": "a"}, [constant("x", 1)])
    assert same(resolve({"x": 1}, [constant("x", 0.5)]).config["x"], 1.0)


def test_the_default_is_the_kind_of_a_flag_without_a_type() -> None:
    assert resolve({"fail": True}, [], "fail=no").config == {"fail": False}
    with pytest.raises(ConfigError, match="fail=nope: expected yes or no"):
        resolve({"fail": True}, [], "fail=nope")
    assert resolve({"any": None}, [], "any=1").config == {"any": 1}
    assert resolve({"x": {}}, []).config == {"x": None}


def test_a_flag_has_one_of_its_choices() -> None:
    flags = {"o": {"choices": ["sgd", "adam"]}, "n": {"choices": [1, 2.5]}}
    assert resolve(flags, [], "o=adam", "n=1").config == {"o": "adam", "n": 1}
    with pytest.raises(ConfigError, match="o=x: expected one of sgd, adam"):
        resolve(flags, [], "o=x")


@pytest.mark.parametrize("text", ["-1", "2", ".nan"])
def test_a_flag_stays_within_its_limits(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected at (least 0|most 1)"):
        resolve({"lr": {"type": "number", "min": 0, "max": 1}}, [], f"lr={text}")


def test_a_required_flag_must_be_given_and_not_be_nothing() -> None:
    flags = {"data": {"required": True, "type": "path", "description": "where"}}
    with pytest.raises(ConfigError, match="data: a value is required") as raised:
        resolve(flags, [])
    assert raised.value.hint == "data=VALUE: where"
    assert resolve(flags, [], "data=x").config == {"data": "x"}
    with pytest.raises(ConfigError, match="required"):
        resolve({"n": {"required": True}}, [], "n=")


def test_an_unknown_name_is_told_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="leraning: train has no such flag") as raised:
        resolve({}, [constant("learning", 1)], "leraning=1")
    assert raised.value.hint == "did you mean learning?"


def test_a_name_in_two_files_is_told_both() -> None:
    with pytest.raises(ConfigError) as raised:
        resolve({}, [constant("a.py#lr", 1), constant("b.py#lr", 1)], "lr=1")
    assert raised.value.hint == "say a.py#lr or b.py#lr"


def test_force_takes_unknown_names_and_other_kinds() -> None:
    resolved = resolve({"y": {"max": 1}}, [constant("x", 1)], "x=a", "new=1", "y=2", force=True)
    assert resolved.config == {"x": "a", "y": 2, "new": 1}
    assert resolved.forced == {"x"}


@pytest.mark.parametrize("text", ["a\0b", '"a\\0b"'])
def test_no_value_holds_nul(text: str) -> None:
    with pytest.raises(ConfigError, match="NUL"):
        resolve({}, [constant("s", "a")], f"s={text}")


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        ({"type": "int", "default": 0.5}, "default"),
        ({"type": "int", "default": "a"}, "default"),
        ({"choices": ["a"], "default": "b"}, "default"),
        ({"min": 1, "default": 0}, "default"),
        ({"max": 1, "default": 2}, "default"),
        ({"type": "int", "choices": [1, "a"]}, "choices"),
        ({"min": 1, "choices": [0]}, "choices"),
        ({"min": 2, "max": 1}, "min"),
        ({"type": "string", "max": 1}, "max"),
        ({"required": True, "default": 1}, "required"),
        ({"type": "float", "default": 1}, None),
        ({"type": "int", "default": None}, None),
        ({"choices": [1, 2], "default": None}, None),
        ({"type": "path", "required": True}, None),
        ({"min": 0}, None),
        ({"secret": True, "default": "x"}, "default"),
        ({"secret": True, "choices": ["x"]}, "choices"),
        ({"secret": True, "type": "int"}, "type"),
        ({"secret": True, "min": 1}, "min"),
        ({"secret": True, "max": 1}, "max"),
        ({"secret": True, "type": "string", "required": True, "env": "X"}, None),
        ({"secret": False, "default": "x"}, None),
        (3, None),
    ],
)
def test_a_flag_that_contradicts_itself_is_found(spec: Any, key: str | None) -> None:
    trouble = flag_trouble(flag_defs(OpDef("a", {"flags": {"x": spec}}))["x"])
    assert (trouble[0] if trouble else None) == key


def test_every_value_reaches_the_environment() -> None:
    opdef = OpDef("a", {"flags": {"out": {"env": "OUT"}}})
    config: dict[str, Scalar] = {
        "lr": 0.1,
        "opts.Name-x": "it's",
        "out": "f",
        "on": True,
        "off": False,
        "no": None,
        "n": "123",
        "inf": math.inf,
    }
    assert flag_environment(opdef, config) == {
        "OUT": "f",
        "FLAG_LR": "0.1",
        "FLAG_OPTS_NAME_X": "it's",
        "FLAG_ON": "yes",
        "FLAG_OFF": "no",
        "FLAG_NO": "",
        "FLAG_N": "123",
        "FLAG_INF": "inf",
    }


def test_where_two_names_make_one_variable_a_flag_wins_and_then_the_earlier() -> None:
    opdef = OpDef("a", {"flags": {"a.b": 1}})
    assert flag_environment(opdef, {"a_b": 2, "a.b": 1}) == {"FLAG_A_B": "1"}
    assert flag_environment(OpDef("a", {}), {"c_d": 2, "c.d": 1}) == {"FLAG_C_D": "2"}


def test_what_no_variable_can_hold_has_none() -> None:
    assert flag_environment(OpDef("a", {}), {"a": "\0", "b": "x" * 200_000}) == {}


def test_a_program_gets_a_string_as_it_is() -> None:
    assert [as_text(v) for v in ("no", "", "1", None, 1e-5, math.nan)] == [
        "no",
        "",
        "1",
        "",
        "1e-05",
        "nan",
    ]
