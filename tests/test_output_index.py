import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage.output_index import (
    IndexReader,
    Record,
    cut_index,
    format_record,
    index_records,
    parse_record,
)
from gage.run import Run, run_meta_path
from tests.bounded import bounded

NUMBERS = st.integers(0, 10**18 - 1)
records = st.builds(Record, NUMBERS, st.sampled_from("oex"), NUMBERS)


def run_in(home: object) -> Run:
    run = Run(f"{home}/one", "", None, "none")
    os.makedirs(run_meta_path(run, "output"))
    os.mkdir(f"{home}/.tmp")
    return run


def write(run: Run, index: bytes, size: int = 0) -> None:
    """Let *run* have an output of *size* bytes, and *index*."""
    path = run_meta_path(run, "output", "40_run")
    with open(path + ".index", "wb") as file:
        file.write(index)
    with open(path, "wb") as file:
        file.truncate(size)


@given(records)
def test_a_record_reads_back_as_itself(record):
    line = format_record(record)
    assert parse_record(line) == record
    assert parse_record(line[:-1]) is None


@given(st.binary())
def test_what_is_no_record_is_none(line):
    record = parse_record(line)
    assert record is None or parse_record(format_record(record)) == record


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "-1", "1_0", "\u0661"])
def test_a_number_that_nobody_can_mean_makes_no_record(number):
    digits = number.encode()
    assert parse_record(digits + b" o 1\n") is None
    assert parse_record(b"1 o " + digits + b"\n") is None


@given(st.lists(records), st.sampled_from([b"", b"12", b"9" * 18 + b" o " + b"9" * 18]))
def test_an_index_is_read_to_its_last_whole_line(tmp_path_factory, written, half):
    run = run_in(tmp_path_factory.mktemp("run"))
    write(run, b"".join(map(format_record, written)) + half)
    assert list(index_records(run, "40_run")) == written


def test_an_index_that_grows_is_read_on(tmp_path):
    run = run_in(tmp_path)
    write(run, b"1 o 2\n3 ")
    path = run_meta_path(run, "output", "40_run.index")
    with open(path, "rb", buffering=0) as file, open(path, "ab", buffering=0) as more:
        reader = IndexReader(file.fileno())
        assert list(reader.records()) == [Record(1, "o", 2)]
        assert (reader.count, reader.half, reader.is_damaged) == (1, b"3 ", False)
        assert list(reader.records()) == []
        more.write(b"e 4\n")
        assert list(reader.records()) == [Record(3, "e", 4)]
        more.write(b"\n5 o 6\n")
        assert list(reader.records()) == []
        assert (reader.count, reader.is_damaged) == (2, True)


def test_an_index_without_newlines_is_given_up_at_once(tmp_path):
    run = run_in(tmp_path)
    write(run, b"1 o 2\n")
    os.truncate(run_meta_path(run, "output", "40_run.index"), 1 << 31)
    assert bounded(lambda: list(index_records(run, "40_run")), size=20 << 20) == ""
    assert list(index_records(run, "40_run")) == [Record(1, "o", 2)]


SIZES = st.lists(st.integers(min_value=1, max_value=5000), max_size=8)


@given(SIZES, st.integers(min_value=0, max_value=20_000), st.sampled_from([b"", b"12", b"12 o"]))
def test_an_index_tells_of_no_more_than_there_is_once_it_was_cut(
    tmp_path_factory, sizes, there, half
):
    run = run_in(tmp_path_factory.mktemp("run"))
    records = [Record(n, "o" if n % 2 else "e", size) for n, size in enumerate(sizes)]
    write(run, b"".join(map(format_record, records)) + half, min(there, sum(sizes)))
    lost = cut_index(run, "40_run")
    assert lost == max(0, sum(sizes) - there)
    whole = list(index_records(run, "40_run"))
    assert sum(r.length for r in whole if r.stream != "x") == min(there, sum(sizes))
    assert sum(r.length for r in whole if r.stream == "x") == lost
    assert cut_index(run, "40_run") == 0


def test_what_is_not_there_has_no_index_to_be_cut(tmp_path):
    assert cut_index(run_in(tmp_path), "40_run") == 0


def test_an_index_is_cut_at_the_first_line_that_is_no_record(tmp_path):
    run = run_in(tmp_path)
    write(run, b"1 o 2\r3 o 4\n5 o 6\n", 1)
    assert cut_index(run, "40_run") == 0
    write(run, b"1 o 2\n3 o 4\r\n5 o 6\n", 1)
    assert cut_index(run, "40_run") == 1
    assert list(index_records(run, "40_run")) == [Record(1, "o", 1), Record(1, "x", 1)]


def test_an_index_of_many_records_is_cut_in_little_memory(tmp_path):
    run = run_in(tmp_path)
    write(run, b"1700000000000000 o 7\n" * 500_000)
    assert bounded(lambda: cut_index(run, "40_run"), size=20 << 20) == ""
    assert list(index_records(run, "40_run")) == [Record(1700000000000000, "x", 3_500_000)]


def test_an_index_is_cut_by_the_sync_policy_of_its_run(tmp_path, monkeypatch):
    run = run_in(tmp_path)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write(run, b"1 o 2\n")
    cut_index(run, "40_run")
    assert not synced
    write(run, b"1 o 2\n")
    cut_index(run._replace(sync="commit"), "40_run")
    assert synced


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink("/etc/passwd", path)])
def test_an_index_that_is_no_file_is_refused(tmp_path, make):
    run = run_in(tmp_path)
    make(run_meta_path(run, "output", "40_run.index"))
    with pytest.raises(OSError):
        list(index_records(run, "40_run"))
