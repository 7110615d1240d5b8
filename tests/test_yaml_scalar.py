import math

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gage.scalar import Scalar, same
from gage.yaml_scalar import parse_plain, parse_value

NUMERIC = st.text(alphabet="0123456789+-._eExXbBaAfFnNiIoO", max_size=8)
WORDS = st.sampled_from(
    [w for b in ("yes", "no", "on", "off", "true", "false", "null", "y", "n", "none", "~")
     for w in (b, b.upper(), b.capitalize())]
)  # fmt: skip
PLAIN = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=8)


def by_yaml(text: str) -> Scalar:
    """What PyYAML says, or the text where it says nothing that is a scalar of ours."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError):
        return text
    return value if value is None or isinstance(value, str | int | float) else text


def is_ours_alone(text: str) -> bool:
    """Whether we mean to differ: exponents as YAML 1.2 has them, and no sexagesimals."""
    exponent = isinstance(parse_value(text), float) and isinstance(by_yaml(text), str)
    return exponent or ":" in text


@given(NUMERIC | WORDS)
@example("0_")
@example("0x_")
@example("-0x1F")
@example("+.inf")
@example("-0b11")
@example("1__0")
@example("08")
@example("010")
def test_plain_text_means_what_yaml_says(text: str) -> None:
    if not is_ours_alone(text):
        assert same(parse_value(text), by_yaml(text)), text


@given(PLAIN)
def test_text_that_yaml_takes_for_a_string_is_that_string(text: str) -> None:
    if text[:1] not in "!&*%@`|>'\"#-?:[{," and "#" not in text and not is_ours_alone(text):
        assert same(parse_value(text), by_yaml(text)), text


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_single_quotes_mean_what_yaml_says(text: str) -> None:
    if "\u2028" not in text and "\u2029" not in text and "\ufeff" not in text:
        quoted = "'" + text.replace("'", "''") + "'"
        assert parse_value(quoted) == yaml.safe_load(quoted) == text


@given(st.text(alphabet='ab\\"/0xuU19nerNLP_ d', max_size=12))
def test_double_quotes_mean_what_yaml_says(text: str) -> None:
    quoted = f'"{text}"'
    assert parse_value(quoted) == by_yaml(quoted)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("1.5e3", 1500.0),
        ("-.5", -0.5),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        (".NaN", math.nan),
        ("0x1f", 31),
        ("-0x1f", -31),
        ("010", 8),
        ("1_000", 1000),
        ("no", False),
        ("On", True),
        ("yEs", "yEs"),
        ("", None),
        ("~", None),
        ('"1"', "1"),
        ("'it''s'", "it's"),
        ('"a\\tb\\u00e9\\ud83d\\ude00"', "a\tb\xe9\U0001f600"),
        ('"\\U00110000"', '"\\U00110000"'),
        ('"open', '"open'),
        ('"', '"'),
        ('"a" b', '"a" b'),
        ("nan", "nan"),
        ("[a", "[a"),
        ("[1, 2]", "[1, 2]"),
        ("a: b", "a: b"),
        ("{x}", "{x}"),
        ("# c", "# c"),
        ("a # c", "a # c"),
        (" 1 ", " 1 "),
        ("!!int 1", "!!int 1"),
        ("12:30", "12:30"),
        ("2026-11-21", "2026-11-21"),
        ("9" * 5000, "9" * 5000),
        ("0x" + "f" * 5000, "0x" + "f" * 5000),
        ("٣", "٣"),
        ("1e999", math.inf),
    ],
)
def test_each_text_has_its_value(text: str, value: Scalar) -> None:
    assert same(parse_value(text), value)


def test_quotes_are_characters_where_yaml_has_taken_them_off() -> None:
    assert parse_plain("'1'") == "'1'"
