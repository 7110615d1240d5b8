import json
import math
import random

import pytest

from gage.fields import FACTS, field, format_json, row_facts, sort_rows
from gage.listing import read_rows
from gage.row import read_row
from tests.written import row_of_all_kinds, write_run


@pytest.fixture
def row(tmp_path):
    return row_of_all_kinds(tmp_path)


def test_json_holds_every_fact(row):
    facts = json.loads(format_json(row))
    assert facts == row_facts(row)
    assert facts["status"] == "completed"
    assert facts["started"] == 1_500_000
    assert facts["config"] == {"lr": 0.5, "flag": True, "none": None, "text": "a\tb\\\n"}
    assert facts["tags"] == ["a", "b"]
    assert set(facts) == {*FACTS, "config", "metrics", "attributes"}


def test_a_run_that_was_not_started_has_no_time_for_it(tmp_path):
    run = write_run(tmp_path, exit=None)
    assert not {"started", "stopped", "exit"} & set(row_facts(read_row(run.home, run.name)))


def test_rows_are_sorted_by_fields(tmp_path):
    values = [(1, "b"), (2, "a"), (1, "a"), ("x", "a"), (None, "c"), (True, "d"), (-3.5, "")]
    runs = [
        write_run(tmp_path, start=n, config={"k": k, "l": label})
        for n, (k, label) in enumerate(values)
    ]
    rows = [read_row(run.home, run.name) for run in runs]

    def order(*keys):
        return [rows.index(row) for row in sort_rows(rows, keys)]

    assert order() == [0, 1, 2, 3, 4, 5, 6]
    assert order("l") == [6, 1, 2, 3, 0, 4, 5]
    assert order("-l") == [5, 4, 0, 1, 2, 3, 6]
    assert order("k", "l") == [6, 2, 0, 5, 1, 4, 3]
    assert order("started") == [0, 1, 2, 3, 4, 5, 6]
    assert order("-started") == [6, 5, 4, 3, 2, 1, 0]
    assert order("unknown") == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("loss", [-math.inf, 0.5, 2, 10**400, math.inf, math.nan, "a", "b"]),
        ("-loss", [math.inf, 10**400, 2, 0.5, -math.inf, math.nan, "b", "a"]),
    ],
)
def test_numbers_come_before_what_is_none_and_text_whichever_the_turn(tmp_path, key, wanted):
    values = [2, math.nan, "b", 0.5, math.inf, 10**400, "a", -math.inf]
    for config in [{"loss": value} for value in values] + [{}]:
        write_run(tmp_path, config=config)
    rows = read_rows(str(tmp_path))
    for _ in range(10):
        random.shuffle(rows)
        found = [row.config.get("loss") for row in sort_rows(rows, [key])]
        assert repr(found) == repr([*wanted, None])


def test_runs_without_a_value_come_last_whichever_the_turn(tmp_path):
    home = str(tmp_path)
    names = [write_run(home, config=c).name for c in ({"x": 1}, {}, {"x": 2})]
    rows = [read_row(home, name) for name in names]
    assert [row.name for row in sort_rows(rows, ["x"])] == [names[0], names[2], names[1]]
    assert [row.name for row in sort_rows(rows, ["-x"])] == [names[2], names[0], names[1]]


def test_a_fact_goes_before_a_value_of_that_name(tmp_path):
    run = write_run(tmp_path, config={"status": "mine"})
    row = read_row(run.home, run.name)
    assert field("status")(row) == ("completed",)
    assert field("config.status")(row) == ("mine",)
