import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gage.output_index import Record, format_record
from gage.run import Run, run_meta_path
from gage.series import read_series, thinned
from tests.bounded import bounded
from tests.programs import write
from tests.test_event_files import write_events


@pytest.fixture
def run(tmp_path) -> Run:
    os.makedirs(tmp_path / "runs" / "one")
    os.makedirs(tmp_path / "runs" / "one.meta")
    return Run(str(tmp_path / "runs" / "one"), "", None, "none")


def wrote(run, *pieces, **metrics):
    """Let *run* have written *pieces*, a second after each other."""
    write(run_meta_path(run, "opdef.json"), json.dumps({"metrics": metrics}))
    write(run_meta_path(run, "output", "40_run"), "".join(pieces))
    records = [
        Record(1_000_000 * number, "o", len(os.fsencode(piece)))
        for number, piece in enumerate(pieces, 1)
    ]
    write(
        run_meta_path(run, "output", "40_run.index"),
        b"".join(map(format_record, records)).decode(),
    )


LOSS = r"loss: (\S+)"


def test_a_series_has_the_value_the_step_and_the_time_of_each_match(run):
    wrote(run, "step: 10 loss: 0.3\n", "step: 20 loss: 0.2\nstep: 30 lo", "ss: 0.1\n", loss=LOSS)
    found = read_series(run)
    assert found.complaints == []
    points = [(10, 0.3, 1_000_000), (20, 0.2, 2_000_000), (30, 0.1, 3_000_000)]
    assert found.series == {"loss": (points, 0)}


def test_a_pipeline_has_no_series_since_its_steps_have_them(run):
    wrote(run, "loss: 3\nloss: 2\n", loss=LOSS)
    definition = {"steps": ["train"], "metrics": {"loss": LOSS}}
    write(run_meta_path(run, "opdef.json"), json.dumps(definition))
    assert read_series(run, ["loss"]) == ({}, [])


def test_matches_are_counted_where_no_line_says_a_step(run):
    wrote(run, "loss: 3\nloss: 2\n", loss=LOSS)
    assert [point.step for point in read_series(run).series["loss"].points] == [1, 2]


def test_a_line_without_a_step_has_that_of_the_one_before(run):
    wrote(run, "loss: 9\nepoch: 1 loss: 3\nepoch: 2 loss: 2\nfinal loss: 2\n", loss=LOSS)
    points = read_series(run).series["loss"].points
    assert [point.step for point in points] == [0, 1, 2, 2]


def test_what_is_behind_the_index_has_no_time(run):
    wrote(run, "loss: 3\n", "loss: 2\n", loss=LOSS)
    write(run_meta_path(run, "output", "40_run.index"), "1000000 o 8\n5 x 100\n20")
    assert [p.time for p in read_series(run).series["loss"].points] == [1_000_000, None]
    os.remove(run_meta_path(run, "output", "40_run.index"))
    assert [p.time for p in read_series(run).series["loss"].points] == [None, None]


def test_the_times_of_several_metrics_are_those_of_their_matches(run):
    wrote(run, "loss: 3\n", "acc: 1\nloss: 2\n", "acc: 2\n", loss=LOSS, acc=r"acc: (\S+)")
    series = read_series(run).series
    assert [p.time for p in series["loss"].points] == [1_000_000, 2_000_000]
    assert [p.time for p in series["acc"].points] == [2_000_000, 3_000_000]


def test_an_index_of_many_records_is_read_in_little_memory(run):
    wrote(run, "x\n" * 10, "loss: 3\n", loss=LOSS)
    index = run_meta_path(run, "output", "40_run.index")
    write(index, "1700000000000000 o 0\n" * 500_000 + "5 o 28\n")
    assert bounded(lambda: read_series(run), size=20 << 20) == ""
    assert read_series(run).series["loss"].points == [(1, 3, 5)]


def test_a_metric_without_a_pattern_is_its_name_and_a_number(run):
    lines = "loss: 1\nval_loss: 7\nloss=.5, acc: 9\n{'loss': -2e-1}\nloss: nan loss: none\n"
    wrote(run, lines, acc=r"acc: (\d)")
    found = read_series(run, ["loss", "acc"], defined=False)
    values = [point.value for point in found.series["loss"].points]
    assert values[:3] == [1, 0.5, -0.2]
    assert str(values[3:]) == "[nan]"
    assert list(found.series) == ["loss", "acc"]
    assert read_series(run, ["a.b(["], defined=False) == ({}, [])


def test_matches_that_are_no_numbers_are_said_and_spare_the_others(run):
    wrote(run, "loss: 3\nloss: \x1b[2J\nloss: 1\n", loss=LOSS)
    found = read_series(run)
    assert [(point.step, point.value) for point in found.series["loss"].points] == [(1, 3), (2, 1)]
    assert found.complaints == ["metrics: loss: 1 of 3 matches are no numbers, such as '\\x1b[2J'"]


def test_a_hostile_pattern_is_given_up_and_spares_those_before_it(run, monkeypatch):
    monkeypatch.setattr("gage.searching.PATTERN_SECONDS", 1)
    wrote(run, "loss: 1\n" + "a" * 40 + "!\n", loss=LOSS, evil="(a+)+$")
    found = read_series(run)
    assert list(found.series) == ["loss"]
    assert found.complaints == ["metrics: evil: took more than 1 s and was given up"]
    # What nobody asked for is not even sought.
    assert read_series(run, ["loss"], defined=False).complaints == []


def test_only_the_end_of_the_output_is_read_and_times_are_right(run, monkeypatch):
    monkeypatch.setattr("gage.series.OUTPUT_LIMIT", 10)
    wrote(run, "loss: 3\n", "x" * 50 + "\n", "loss: 2\n", loss=LOSS)
    found = read_series(run)
    assert found.series["loss"].points == [(1, 2, 3_000_000)]
    assert found.complaints == ["metrics: the first 57 bytes of the output are left out"]


def test_the_last_values_are_taken_and_what_is_left_out_is_said(run, monkeypatch):
    monkeypatch.setattr("gage.searching.MOST_MATCHES", 2)
    wrote(run, "loss: 3\nloss: 2\nloss: 1\n", loss=LOSS)
    found = read_series(run)
    assert [(point.step, point.value) for point in found.series["loss"].points] == [(2, 2), (3, 1)]
    assert found.complaints == ["metrics: loss: the first 1 values are left out"]


def test_event_files_are_series_too(run):
    pytest.importorskip("tensorboard")
    wrote(run, "loss: 3\n", loss=LOSS)
    write_events(f"{run}/logs", [1.0, 0.5], tag="acc")
    write_events(f"{run}/logs", [8.0], tag="loss")
    found = read_series(run)
    assert [(p.step, p.value) for p in found.series["acc"].points] == [(0, 1.0), (10, 0.5)]
    assert found.series["loss"].points[0].value == 3
    assert list(read_series(run, ["acc"], defined=False).series) == ["acc"]


@pytest.mark.parametrize("opdef", ["", "[]", '{"metrics": 3}', '{"metrics": {"a": 1, "b": "("}}'])
def test_a_damaged_run_has_no_series(run, opdef):
    wrote(run, "a: 1\n")
    write(run_meta_path(run, "opdef.json"), opdef)
    assert read_series(run).series == {}


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)]
)
def test_output_that_is_no_file_is_not_read(run, make):
    wrote(run, loss=LOSS)
    os.remove(run_meta_path(run, "output", "40_run"))
    make(run_meta_path(run, "output", "40_run"))
    assert read_series(run).series == {}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(allow_nan=False)), min_size=1))
def test_what_a_run_writes_line_by_line_is_read_back(tmp_path_factory, values):
    place = tmp_path_factory.mktemp("series")
    run = Run(str(place / "one"), "", None, "none")
    os.makedirs(run.run_dir)
    os.makedirs(run.meta_dir)
    wrote(run, *(f"step: {step} loss: {value!r}\n" for step, value in values), loss=LOSS)
    points = read_series(run).series["loss"].points
    times = [1_000_000 * number for number in range(1, len(values) + 1)]
    assert points == [(*pair, time) for pair, time in zip(values, times, strict=True)]


@given(st.lists(st.floats(-10, 10)), st.integers(4, 30))
def test_what_is_thinned_keeps_the_ends_the_highest_and_the_lowest(values, most):
    points = list(enumerate(values))
    kept = thinned(points, most)
    assert len(kept) <= most
    assert [point for point in kept if point not in points] == []
    assert kept == sorted(kept, key=lambda point: point[0])
    if points:
        assert (kept[0], kept[-1]) == (points[0], points[-1])
        for extreme in (min, max):
            assert extreme(v for _, v in kept) == extreme(values)
