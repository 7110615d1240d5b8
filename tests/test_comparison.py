import pytest

from gage.comparison import compared, expect_field, named_columns, text_of
from gage.errors import NotFoundError
from gage.fields import field
from gage.listing import read_rows
from tests.porcelain.place import write_run


@pytest.fixture
def rows(tmp_path):
    home = str(tmp_path)
    write_run(home, 1, config={"lr": 0.1, "a": 1, "op": "x"}, metrics={"loss": 1, "lr": 5})
    write_run(home, 2, config={"lr": 0.2, "a": 1.0, "op": "x"}, metrics={"loss": 1})
    return read_rows(home)


def test_columns_are_what_differs_and_one_is_not_one_point_zero(rows):
    assert [column.name for column in compared(rows)] == ["lr", "a", "metrics.lr"]


def test_every_name_of_a_column_is_that_of_a_field(rows):
    for column in compared(rows, everything=True):
        assert column.values == [field(column.name)(row) for row in rows]
    names = [column.name for column in compared(rows, everything=True)]
    assert names == ["operation", "status", "lr", "a", "config.op", "loss", "metrics.lr"]
    assert [column.name for column in compared(rows, everything=True) if column.is_metric] == [
        *("loss", "metrics.lr"),
    ]


def test_a_name_that_no_run_has_is_no_column(rows):
    assert [column.name for column in named_columns(rows, ["loss", "tags"])] == ["loss", "tags"]
    with pytest.raises(NotFoundError) as caught:
        expect_field(rows, "metrics.los")
    assert caught.value.message == "metrics.los: no such field in these runs"
    expect_field([], "los")


def test_no_runs_have_no_columns():
    assert compared([]) == []


def test_values_are_text_for_eyes():
    assert text_of(()) == ""
    assert text_of(("a", True, 0.5)) == "a, yes, 0.5"
