import os

import pytest

from gage.errors import NotFoundError, UsageError
from gage.listing import read_rows
from gage.selecting import select_run, select_runs
from tests.written import write_run

IDS = ["1" * 32, "2ab" + "0" * 29, "2ac" + "0" * 29, "fade" + "0" * 28, "12345" + "0" * 27]
OPERATIONS = ["train", "m1:train", "prepare", "add", "2ab"]


@pytest.fixture
def rows(tmp_path):
    """Five runs with the IDs above, the first of them the newest, and one called `named`."""
    home = str(tmp_path / "runs")
    for n, (id, operation) in enumerate(zip(IDS, OPERATIONS, strict=True)):
        write_run(home, operation, id=id, start=100 - n)
    write_run(home, "add", name="named", id="add" + "0" * 29, start=10)
    return read_rows(home)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("@", [0]), ("@{0}", [0]), ("@{1}", [1]), ("@{5}", [5]),
        ("@~", [1]), ("@~0", [0]), ("@~5", [5]), ("train@~1", [1]),
        ("train@", [0]), ("train@{1}", [1]), ("m1:train@", [1]), ("add@{1}", [5]),
        ("1", [0]), ("2", [1]), ("6", [5]), ("2-4", [1, 2, 3]), ("3-3", [2]),
        ("named", [5]),
        (IDS[3], [3]), (IDS[3].upper(), [3]), ("add" + "0" * 29, [5]),
        ("train", [0]), ("m1:train", [1]), ("prepare", [2]), ("add", [3]),
        ("2ab", [4]),  # an operation called so goes before an ID that begins so
        ("2ab0", [1]), ("2AB00", [1]), ("2ac", [2]), ("f", [3]), ("fad", [3]), ("11", [0]),
        ("123456", None), ("1234", [4]), ("12345", [4]), ("123450", [4]), ("add0", [5]),
    ],
)  # fmt: skip
def test_a_spec_names_runs(rows, spec, found):
    if found is None:
        with pytest.raises(NotFoundError):
            select_runs(rows, [spec])
    else:
        assert select_runs(rows, [spec]) == [rows[n] for n in found]


def test_a_number_counts_what_the_listing_shows(rows):
    assert select_runs(rows[2:], ["1"]) == [rows[2]]


def test_a_path_names_a_run_in_any_home(tmp_path, rows, monkeypatch):
    elsewhere = write_run(tmp_path / "elsewhere", name="other")
    (row,) = select_runs(rows, [elsewhere.run_dir])
    assert (row.run_dir, row.id) == (elsewhere.run_dir, elsewhere.id)
    os.mkdir(elsewhere.run_dir)
    monkeypatch.chdir(elsewhere.run_dir)
    assert select_run(rows, ".").id == elsewhere.id
    assert select_run(rows, "../other/").id == elsewhere.id


def test_a_link_of_a_pipeline_names_the_step(tmp_path, rows):
    parent = write_run(tmp_path / "runs", "pipe", name="pipe")
    os.mkdir(parent.run_dir)
    os.symlink("../named", os.path.join(parent.run_dir, "step"))
    assert select_run(rows, os.path.join(parent.run_dir, "step")).id == rows[5].id


def test_every_run_is_named_once_in_the_order_named(rows):
    specs = ["prepare", "1", "train", rows[2].run_dir, "1-3"]
    assert [row.id for row in select_runs(rows, specs)] == [IDS[2], IDS[0], IDS[1]]


def test_a_prefix_of_several_ids_is_refused_with_the_candidates(rows):
    with pytest.raises(NotFoundError) as caught:
        select_runs(rows, ["2a"])
    assert caught.value.message == (
        "2a: 2 runs begin so:\n"
        "  2ab000000000  m1:train  completed\n"
        "  2ac000000000  prepare  completed"
    )


def test_no_more_than_ten_candidates_are_shown(tmp_path):
    for n in range(12):
        write_run(tmp_path, "x", id=f"ab{n:030x}")
    with pytest.raises(NotFoundError) as caught:
        select_run(read_rows(str(tmp_path)), "ab")
    lines = caught.value.message.split("\n")
    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"


@pytest.mark.parametrize(
    ("spec", "hint"),
    [("trian", "did you mean train"), ("m1:trai", "did you mean m1:train"), ("xyz", "")],
)
def test_a_spec_that_names_nothing_hints_at_the_nearest(rows, spec, hint):
    with pytest.raises(NotFoundError) as caught:
        select_runs(rows, [spec])
    assert caught.value.message == f"{spec}: no such run"
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "spec",
    [
        "@{6}",
        "@~6",
        "@~x",
        "train@{2}",
        "nobody@",
        "7",
        "5-7",
        "3-2",
        "0",
        "@{-1}",
        "none/there",
        "nowhere/",
        "@1",
    ],
)
def test_what_is_not_there_is_not_found(rows, spec):
    with pytest.raises(NotFoundError):
        select_runs(rows, [spec])


def test_an_empty_spec_is_an_error(rows):
    with pytest.raises(UsageError):
        select_runs(rows, [""])


def test_where_one_run_is_wanted_a_range_is_refused(rows):
    with pytest.raises(UsageError):
        select_run(rows, "1-2")


def test_a_damaged_run_is_named_by_its_directory(tmp_path):
    run = write_run(tmp_path, id="c" * 32)
    os.unlink(os.path.join(run.meta_dir, "id"))
    rows = read_rows(str(tmp_path))
    assert select_run(rows, "cc").name == run.name
    assert select_run(rows, run.name).name == run.name
