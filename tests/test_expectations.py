"""What a pipeline demands of a step, and what of it is not met."""

import pytest

from gage.errors import ConfigError
from gage.expectations import unmet_expectations
from gage.run import open_run
from tests.porcelain.place import write_run


def run_of(tmp_path, exit=0, metrics=None, files=None):
    id = write_run(str(tmp_path), 1, exit=exit, metrics=metrics, files=files)
    return open_run(f"{tmp_path}/{id}")


def test_nothing_is_expected_but_that_it_ends_well(tmp_path):
    assert unmet_expectations(run_of(tmp_path), {}) == []
    assert unmet_expectations(run_of(tmp_path / "b", exit=3), {}) == ["exit code 3, expected 0"]
    assert unmet_expectations(run_of(tmp_path / "c", exit=-9), {}) == ["exit code -9, expected 0"]
    assert unmet_expectations(run_of(tmp_path / "d", exit=3), {"exit": 3}) == []
    assert unmet_expectations(run_of(tmp_path / "e"), {"exit": 3}) == ["exit code 0, expected 3"]


def test_each_pattern_must_match_a_file(tmp_path):
    run = run_of(tmp_path, files={"out/a.csv": b"", "b.txt": b""})
    assert unmet_expectations(run, {"files": ["*.csv", "b.txt", "out/*"]}) == []
    assert unmet_expectations(run, {"files": "*.csv"}) == []
    assert unmet_expectations(run, {"files": ["*.json", "*.csv", "x"]}) == [
        "no file *.json",
        "no file x",
    ]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("< 0.5", True),
        ("<0.25", False),
        ("<= 0.25", True),
        ("> 0.25", False),
        (">=0.25", True),
        ("!= 0.25", False),
        ("!= 1", True),
        ("== 0.25", True),
        ("= 0.25", True),
        ("0.25", True),
        (0.25, True),
        (1, False),
    ],
)
def test_a_metric_is_compared_as_the_condition_says(tmp_path, condition, met):
    run = run_of(tmp_path, metrics={"loss": 0.25})
    expected = [] if met else [f"loss is 0.25, expected {condition}"]
    assert unmet_expectations(run, {"metrics": {"loss": condition}}) == expected


def test_a_metric_that_is_missing_or_no_number_is_not_as_expected(tmp_path):
    run = run_of(tmp_path, metrics={"loss": float("nan")})
    assert unmet_expectations(run, {"metrics": {"acc": "> 0"}}) == ["no metric acc, expected > 0"]
    assert unmet_expectations(run, {"metrics": {"loss": "< 1"}}) == ["loss is nan, expected < 1"]


@pytest.mark.parametrize(
    ("condition", "met"),
    [("> 1", True), ("< 1e308", False), ("< inf", True), (10**400, True), (10**400 + 1, False)],
)
def test_a_metric_may_be_larger_than_any_float(tmp_path, condition, met):
    run = run_of(tmp_path, metrics={"n": 10**400})
    assert (unmet_expectations(run, {"metrics": {"n": condition}}) == []) is met


@pytest.mark.parametrize("value", ["0.1", None, "x"])
def test_a_metric_that_damage_made_no_number_is_not_as_expected(tmp_path, value):
    run = run_of(tmp_path, metrics={"loss": value})
    assert len(unmet_expectations(run, {"metrics": {"loss": "< 1"}})) == 1


@pytest.mark.parametrize("condition", ["< lots", "<", "= 1 2", "9" * 5000])
def test_a_comparison_with_no_number_is_refused(tmp_path, condition):
    run = run_of(tmp_path, metrics={"loss": 1})
    with pytest.raises(ConfigError, match="no comparison with a number"):
        unmet_expectations(run, {"metrics": {"loss": condition}})
