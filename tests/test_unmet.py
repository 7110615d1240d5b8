import pytest

from gage.filters import Filters, filter_fields
from gage.listing import read_rows
from gage.unmet import unmet
from tests.porcelain.place import write_run


@pytest.fixture
def rows(tmp_path):
    write_run(str(tmp_path), 1, "m1:train", config={"lr": 0.1}, metrics={"loss": 1})
    return read_rows(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lr > 0.1 and not status in (error, lr)", ["lr", "status"]),
        ("(a = b or 'c d' != x) and e not in (f)", ["a", "c d", "e"]),
        ("not not a ~ 'and'", ["a"]),
    ],
)
def test_the_fields_of_an_expression_are_its_names_and_not_its_values(text, names):
    assert filter_fields(text) == names


@pytest.mark.parametrize(
    ("filters", "message", "hint"),
    [
        (Filters(expressions=("lrr = 1 and loss = 2",)), "a value lrr", "lr"),
        (Filters(expressions=("statsu = error",)), "a value statsu", "status"),
        (Filters(operations=("trian",)), "is of trian", "train"),
        (Filters(expressions=("op=trian",)), "is of trian", "train"),
        (Filters(expressions=("lr = 1 or operation in ('trian')",)), "is of trian", "train"),
        (Filters(labels=("x",)), "the label x", ""),
        (Filters(tags=("x",)), "the tag x", ""),
    ],
)
def test_what_no_run_has_is_told_with_what_is_near(rows, filters, message, hint):
    ((told, near),) = unmet(filters, rows)
    assert told.startswith("no run here ") and told.endswith(message)
    assert near == (f"did you mean {hint}?" if hint else "")


@pytest.mark.parametrize(
    "filters",
    [
        Filters(expressions=("lr = 5 and op = train and config.lr < 1 and exit = 4",)),
        Filters(expressions=("op in (x, m1:train) and op != y and op not in (z) and op > 1",)),
        Filters(operations=("train", "trian")),
        Filters(statuses=("error",)),
    ],
)
def test_what_runs_have_is_not_missed_though_its_value_is_another(rows, filters):
    assert list(unmet(filters, rows)) == []
    assert list(unmet(Filters(tags=("x",)), [])) == []
