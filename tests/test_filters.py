import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.errors import UsageError
from gage.filters import Filters, parse_filter
from gage.moments import Span
from gage.row import read_row
from gage.said import add_tags, set_label
from tests.written import write_run

DAY = 86_400_000_000
NOON = 20_000 * DAY + DAY // 2  # 2024-10-04 12:00, in UTC
DIGITS = "9" * 5000
"""More than Python takes for an integer."""


@pytest.fixture
def row(tmp_path):
    run = write_run(
        tmp_path,
        "m1:train",
        name="first",
        id="4f" + "0" * 30,
        start=NOON,
        exit=3,
        config={
            "lr": 0.1, "n": 10, "opt": "adam", "flag": True, "none": None, "s": "10", "a.b": 1,
            "nan": float("nan"), "status": "mine", "and": 1, "both": "config",
        },
        metrics={"loss": 1.5, "acc.top1": 0.9, "both": 2},
        attributes={"note": "it's (fine), \"really\"", "both": "x"},
    )  # fmt: skip
    set_label(run, "best of all")
    add_tags(run, ["good", "v1.0"])
    return read_row(run.home, run.name)


@pytest.mark.parametrize(
    "text",
    [
        "lr = 0.1", "lr == 0.1", "lr=0.1", "lr=.1", "lr = 1e-1", "lr != 0.2", "lr<1", "lr <= 0.1",
        "lr > 0", "lr >= 0.1", "n = 10", "n = 10.0", "n > 9", "n in (9, 10)", "n not in (1,2)",
        "n ~ 1", "opt = adam", "opt = 'adam'", 'opt = "adam"', "opt ~ da", "opt > abc",
        "opt != bob", "s = 10", "s = '10'", "flag = yes", "flag = true", "flag != no",
        "none = null", "none != 1", "a.b = 1", "config.a.b = 1", "config.lr = 0.1", "loss = 1.5",
        "metrics.loss > 1", "acc.top1 = 0.9", "metrics.acc.top1 = 0.9",
        "attributes.note ~ fine", "note = 'it\\'s (fine), \"really\"'", "note ~ '(fine),'",
        "status = error", "config.status = mine", "status in (completed, error)", "exit = 3",
        "exit in (1, 3)", "op = train", "op = m1:train", "operation = train", "op ~ m1:",
        "operation in (x, train)", "namespace = m1", "opname = train", "label = 'best of all'",
        "label ~ best", "tag = good", "tag in (bad, v1.0)", "tags != bad", "tag not in (x, y)",
        "id ~ 4f0", "parent = ''", "name = first", "comments = 0", "run_dir ~ /first",
        "started = 2024-10-04", "started > 2024-10-03", "started < 2024-10-05",
        "started >= '2024-10-04 12:00:00'", "started <= 2024-10-04", "not started > 2024-10-04",
        "started = '2024-10-04 12:00'", "started = today", "started > yesterday",
        "stopped > '1 day ago'", f"started = {NOON}", f"started < {NOON + 1}",
        "started in (2024-10-04, 2020-01-01)", "both = config", "metrics.both = 2",
        "lr > 0.05 and loss < 2", "lr > 1 or loss < 2", "not lr > 1", "not not lr < 1",
        "lr > 1 and lr > 1 or lr < 1", "lr < 1 or lr > 1 and lr > 1", "not (lr > 1 or n > 100)",
        "((lr < 1))", "not lr > 1 and n = 10", "'and' = 1", "config.and = 1", "lr\n<\n1",
        "'lr' < 1", "nan != 1", "not nan = nan",
    ],
)  # fmt: skip
def test_it_holds(row, text):
    assert parse_filter(text, lambda: NOON)(row) is True


@pytest.mark.parametrize(
    "text",
    [
        "lr = 0.2", "lr != 0.1", "lr < 0.1", "lr > 0.1", "lr = '0.1'", "lr = text", "lr < text",
        "n = 100", "n in (9, 11)", "n not in (10, 2)", "opt = ada", "opt = Adam", "opt != adam",
        "s > 9", "flag = no", "flag = 1", "flag > 0", "n = yes", "none = 0", "none = ''",
        "none != null", "status = completed", "status = 'completed'", "exit = 0", "op = rain",
        "op != train", "op = m1", "tag = bad", "tag != good", "tag not in (good)",
        "label = best", "started > 2024-10-04", "started < 2024-10-04", "started = 2024-10-03",
        "started != 2024-10-04", "nan = nan", "nan < 1", "nan >= 1",
        # what is not there
        "x = 1", "x != 1", "x < 1", "x ~ 1", "x in (1)", "x not in (1)", "config.loss = 1.5",
        "metrics.lr = 0.1", "config. = 1", "staged.x = 1",
    ],
)  # fmt: skip
def test_it_does_not_hold(row, text):
    assert parse_filter(text, lambda: NOON)(row) is False


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 1, "expected the name of a field, found the end"),
        ("lr", 3, "expected a comparison such as `=`, `<` or `in`, found the end"),
        ("lr <", 5, "expected a value, found the end"),
        ("lr < 1 and", 11, "expected the name of a field, found the end"),
        ("lr < 1 loss > 2", 8, "expected `and`, `or` or the end, found `loss`"),
        ("lr < 1)", 7, "expected `and`, `or` or the end, found `)`"),
        ("(lr < 1", 8, "expected `and`, `or` or `)`, found the end"),
        ("lr < < 1", 6, "expected a value, found `<`"),
        ("< 1", 1, "expected the name of a field, found `<`"),
        ("lr in 1", 7, "expected `(`, found `1`"),
        ("lr in (", 8, "expected a value, found the end"),
        ("lr in (1 2)", 10, "expected `,` or `)`, found `2`"),
        ("lr not 1", 8, "expected `in`, found `1`"),
        ("lr = 'x", 6, "a quote is not closed"),
        ("lr ! 1", 4, "stray `!`"),
        ("status = complete", 10, "`complete` is no status"),
        ("status in (error, none)", 19, "`none` is no status"),
        ("started > soon", 11, "time `soon`: expected a time, found `soon`"),
        pytest.param(f"started > {DIGITS}", 11, f"time `{DIGITS}`: expected a time", id="digits"),
        ("started ~ 2024", 11, "time `2024`: expected a time, found `2024`"),
        ("started ~ today", 11, "a time contains nothing"),
        ("(" * 60 + "lr < 1", 52, "expected less than 50 levels"),
        ("not " * 60 + "lr < 1", 205, "expected less than 50 levels"),
    ],
)
def test_an_error_says_where_and_what_was_expected(text, column, expected):
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert f": column {column}: {expected}" in caught.value.message
    assert caught.value.message.startswith(f"filter `{text}`")


def test_a_long_expression_is_no_deep_one(row):
    assert parse_filter(" or ".join(["lr > 1"] * 2000 + ["n = 10"]))(row)


@given(st.text(max_size=30) | st.text("lr<>=!~()', \"\\andotiNn01.", max_size=30))
def test_any_text_is_a_filter_or_a_usage_error(text):
    try:
        parse_filter(text)
    except UsageError:
        pass


@given(st.text(max_size=20))
def test_any_text_can_be_quoted(row, text):
    row = row._replace(data=json.dumps({"config": {"s": text}}))
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    assert parse_filter(f"s = {quoted} and s ~ {quoted}")(row)
    assert not parse_filter(f"s != {quoted}")(row)


# ---- Filters


@pytest.fixture
def rows(tmp_path):
    runs = [
        write_run(tmp_path, "m1:train", start=40, config={"x": 1}),
        write_run(tmp_path, "m2:train", start=30, exit=1, config={"x": 2}),
        write_run(tmp_path, "prepare", start=20, exit=None, config={"x": 3}),
        write_run(tmp_path, "strain", start=10, config={"x": 4}),
    ]
    set_label(runs[0], "best")
    add_tags(runs[0], ["a", "b"])
    add_tags(runs[1], ["b"])
    return [read_row(run.home, run.name) for run in runs]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (Filters(), [1, 2, 3, 4]),
        (Filters(operations=("train",)), [1, 2]),
        (Filters(operations=("m1:train", "prepare")), [1, 3]),
        (Filters(operations=("rain",)), []),
        (Filters(labels=("best",)), [1]),
        (Filters(labels=("bes",)), []),
        (Filters(tags=("a",)), [1]),
        (Filters(tags=("a", "b")), [1, 2]),
        (Filters(statuses=("completed",)), [1, 4]),
        (Filters(statuses=("error", "staged")), [2, 3]),
        (Filters(statuses=("completed",), operations=("train",)), [1]),
        (Filters(expressions=("x > 1", "x < 4")), [2, 3]),
        (Filters(started=Span(30, None)), [1, 2]),
        (Filters(started=Span(None, 30)), [4]),
        (Filters(limit=2), [1, 2]),
        (Filters(limit=0), []),
        (Filters(limit=1, expressions=("x > 1",)), [2]),
    ],
)
def test_filters_keep_what_is_asked_for(rows, filters, kept):
    assert [row.config["x"] for row in filters.apply(rows)] == kept


@pytest.mark.parametrize(
    "filters", [Filters(statuses=("done",)), Filters(limit=-1), Filters(expressions=("x >",))]
)
def test_filters_that_make_no_sense_are_refused_even_for_no_runs(filters):
    with pytest.raises(UsageError):
        filters.apply([])
