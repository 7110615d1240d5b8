from typing import Any

import pytest

from gage.errors import ConfigError
from gage.step import Step, parse_step, step_names


@pytest.mark.parametrize(
    ("raw", "step"),
    [
        ("fail", Step("fail", {})),
        ("m1:fail fail=no s='a b'", Step("m1:fail", {"fail": "no", "s": "a b"})),
        ("a x=${x} --needed", Step("a", {"x": "${x}"}, needed=True)),
        ("a --label=l --tag t --tag=u", Step("a", {}, label="l", tags=("t", "u"))),
        (
            {"run": "a x=1 --tag t", "name": "n", "flags": {"y": True}, "needs": "b", "tags": "u"},
            Step("a", {"x": "1", "y": "yes"}, name="n", needs=("b",), tags=("t", "u")),
        ),
        (
            {"run": "a", "needs": [], "isolate-runs": False},
            Step("a", {}, needs=(), isolate_runs=False),
        ),
        ({"run": "a", "expect": {"exit": 1}}, Step("a", {}, expect={"exit": 1})),
    ],
)
def test_a_step_is_words_or_a_mapping(raw: Any, step: Step) -> None:
    assert parse_step(raw) == step


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("", "a step begins with the name"),
        ("x=1 a", "a step begins with the name"),
        ("a b", "b: expected NAME=VALUE"),
        ("a 'b", "no closing quotation"),
        ("a --needed=x", "--needed=x: no option of a step"),
        ("a -n", "-n: no option of a step"),
        ("a --label", "--label: expected a text"),
    ],
)
def test_a_word_that_is_none_of_a_steps_is_an_error(raw: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_step(raw)


def names(*steps: Any) -> list[str]:
    return step_names([parse_step(step) for step in steps])


def test_steps_are_named_after_their_operations_and_counted() -> None:
    assert names("m1:fail", "fail", "sub/train.py", {"run": "a", "name": "fail"}) == [
        "fail",
        "fail_2",
        "train.py",
        "fail_3",
    ]


def test_two_steps_never_have_one_name() -> None:
    with pytest.raises(ConfigError, match="step 3 and step 2 are both x_2"):
        names("x", "x", "x_2")


def test_a_step_needs_steps_before_it() -> None:
    assert names("a", {"run": "b", "needs": "a"}) == ["a", "b"]
    with pytest.raises(ConfigError, match="step a needs b: no such step before it"):
        names({"run": "a", "needs": ["b"]}, "b")
