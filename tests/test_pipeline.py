"""A pipeline: steps, their names, and the values that reach them."""

import pytest

from gage.errors import ConfigError
from gage.opdef import OpDef
from gage.opref import OpRef
from gage.pipeline import (
    full_names,
    in_step,
    is_pipeline,
    named_steps,
    names_before,
    split_step_flags,
    step_flags,
)
from gage.step import Step


def pipeline(*steps):
    return OpDef("m1:p", {"steps": list(steps)})


def flags(step, config):
    (named,) = named_steps(pipeline(step))
    return step_flags(named, OpRef("m1", "p"), config)


def test_an_operation_with_steps_is_a_pipeline():
    assert is_pipeline(pipeline("a"))
    assert not is_pipeline(OpDef("a", {"exec": "true"}))


def test_a_step_needs_all_before_it_unless_it_says_what():
    steps = named_steps(pipeline("a", "b", {"run": "c", "needs": ["a"]}, {"run": "d", "needs": []}))
    assert [(step.name, step.needs) for step in steps] == [
        ("a", ()),
        ("b", ("a",)),
        ("c", ("a",)),
        ("d", ()),
    ]
    assert [names_before(step, steps) for step in steps] == [[], ["a"], ["a"], []]


def test_what_a_needed_step_needs_is_before_too_the_last_first():
    steps = named_steps(pipeline("a", {"run": "b", "needs": []}, {"run": "c", "needs": ["b"]}, "d"))
    assert names_before(steps[2], steps) == ["b"]
    assert names_before(steps[3], steps) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["x", "x", "x_2"], "step 3 and step 2 are both x_2"),
        (["x_2", "x", "x"], "step 3 and step 1 are both x_2"),
        (["x", {"run": "y", "name": "x"}, {"run": "x", "name": "x_2"}], "both x_2"),
        ([{"run": "x", "needs": ["y"]}, "y"], "step x needs y: no such step before it"),
    ],
)
def test_names_never_collide(steps, message):
    with pytest.raises(ConfigError, match=message):
        named_steps(pipeline(*steps))


def test_names_are_single_path_components():
    assert [step.name for step in named_steps(pipeline("m1:x", "sub/train.py", "x"))] == [
        "x",
        "train.py",
        "x_2",
    ]
    for name in ("..", ".x", "x.meta"):
        with pytest.raises(ConfigError, match="step 1: "):
            named_steps(pipeline({"run": "x", "name": name}))


def test_an_operation_is_looked_up_in_the_namespace_of_the_pipeline_first():
    assert full_names(Step("a", {}), OpRef("m1", "p")) == ["m1:a", "a"]
    assert full_names(Step("m2:a", {}), OpRef("m1", "p")) == ["m2:a"]
    assert full_names(Step("a", {}), OpRef("", "p")) == ["a"]


def test_a_value_that_is_handed_on_whole_stays_of_its_kind():
    config = {"n": 1, "s": "1", "t": True, "none": None, "f": 1.5}
    assert flags("a x=${n} y=${s} z=${t} u=${none} v=${f}", config) == {
        "x": "1",
        "y": '"1"',
        "z": "yes",
        "u": "",
        "v": "1.5",
    }
    assert flags("a x=p-${n}-${s}", config) == {"x": "p-1-1"}


def test_a_value_that_the_pipeline_has_not_is_an_error():
    with pytest.raises(ConfigError, match=r"\$\{lrr\}: the pipeline has no such value"):
        flags("a x=${lrr}", {"lr": 1})


def test_what_is_said_of_a_step_holds_before_what_is_said_of_its_operation():
    steps = named_steps(pipeline("a x=0", "a x=0", {"run": "a", "name": "b"}))
    config = {"a_2:x": 2, "b:x": 3, "m1:a:x": 9, "a:x": 1, "a:y": 5, "c:x": 8}
    assert [step_flags(step, OpRef("m1", "p"), config) for step in steps] == [
        {"x": "1", "y": "5"},
        {"x": "2", "y": "5"},
        {"x": "3", "y": "5"},
    ]


def test_what_is_given_is_for_the_pipeline_or_for_a_step_that_it_has():
    opdef = pipeline("a", "b")
    given = {"x": "1", "a:x": "2", "m1:b:y": "3"}
    assert split_step_flags(opdef, OpRef("m1", "p"), given) == (
        {"x": "1"},
        {"a:x": "2", "m1:b:y": "3"},
    )
    with pytest.raises(ConfigError, match="c:x: m1:p has no such step") as caught:
        split_step_flags(opdef, OpRef("m1", "p"), {"c:x": "1"})
    assert caught.value.hint == "its steps: a, b"


def test_an_error_in_a_step_names_it_and_stays_what_it_is():
    error = in_step("outer", in_step("train", ConfigError("lr: wrong", "try less")))
    assert (error.message, error.hint) == ("step outer: step train: lr: wrong", "try less")
    assert isinstance(error, ConfigError)
