import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gage.scalar import Scalar, format_value, kind_of, same
from tests.bounded import bounded

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.text("0123456789.:_-+exobnaift~ #\"'\\|>&!", max_size=8),
)


@pytest.mark.parametrize(
    "value, kind",
    [("1", "string"), (1, "int"), (1.0, "float"), (True, "boolean"), (None, "null")],
)
def test_every_scalar_has_one_kind(value: Scalar, kind: str) -> None:
    assert kind_of(value) == kind


def test_values_of_different_kinds_are_not_the_same() -> None:
    values: list[Scalar] = ["1", 1, 1.0, True, None, "", 0, 0.0, -0.0, False, math.nan, "nan"]
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            assert same(a, b) is (i == j), (a, b)


@pytest.mark.parametrize(
    "value, text",
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (1e-05, "1e-05"),
        (math.nan, ".nan"),
        (-math.inf, "-.inf"),
        ("hello world", "hello world"),
        ("2026-01-02", "2026-01-02"),
        ("v1.2", "v1.2"),
        (".", "."),
        ("", '""'),
        ("no", '"no"'),
        ("1e3", '"1e3"'),
        ("a\nb\x7f", '"a\\nb\\u007f"'),
        ('"', '"\\""'),
    ],
)
def test_a_value_is_text_that_a_command_line_reads_back(value: Scalar, text: str) -> None:
    assert format_value(value) == text


@given(TEXTS)
def test_a_string_never_reads_as_another_kind(value: str) -> None:
    text = format_value(value)
    assert "\n" not in text
    if text == value:
        try:
            loaded = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):
            return
        assert not isinstance(loaded, bool | int | float)
    else:
        assert yaml.safe_load(text) == value


@pytest.mark.parametrize("part", ["1", "1_", "1:", ":1", "1.", "1e", "0x1", "\u0661"])
def test_a_long_text_is_told_from_a_number_in_time_that_grows_with_it(part: str) -> None:
    text = part * 1_000_000 + "x"
    assert bounded(lambda: format_value(text)) == ""
    assert format_value(text) == text
