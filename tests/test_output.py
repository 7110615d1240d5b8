import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gage import clock
from gage.errors import StateError, UsageError
from gage.facts import put_fact
from gage.output import OutputFile, output_name, read_ends, read_tail
from gage.run import Run, run_meta_path
from gage.written import read_output
from tests.bounded import bounded
from tests.staged import staged_run

pieces = st.lists(
    st.tuples(st.sampled_from("oe"), st.binary(min_size=1, max_size=20) | st.just(b"a\nb\n"))
)


def finished(tmp_path: object) -> Run:
    run = staged_run(tmp_path, ["true"])
    put_fact(run, "started", text="3")
    put_fact(run, "proc", "exit", text="0")
    return run


def write(run: Run, parts: list, name: str = "40_run") -> None:
    stamps = iter(range(1_000_000, 2_000_000_000, 1_000_000))
    output = OutputFile(run, name, lambda: next(stamps))
    for stream, data in parts:
        output.write(stream, memoryview(data))
    output.close("none")
    assert not output.complaint()


def read(run: Run, name: str = "40_run", **options) -> bytes:
    return b"".join(read_output(run, name, **options))


@given(parts=pieces)
def test_streams_read_back_as_they_were_written(tmp_path_factory, parts):
    run = finished(tmp_path_factory.mktemp("home"))
    write(run, parts)
    assert read(run) == b"".join(data for _, data in parts)
    for stream in "oe":
        expected = b"".join(data for name, data in parts if name == stream)
        assert read(run, streams=stream) == expected


@given(parts=pieces)
def test_stamps_begin_lines_and_change_nothing_else(tmp_path_factory, parts):
    run = finished(tmp_path_factory.mktemp("home"))
    write(run, parts)
    plain = read(run)
    stamped = read(run, stamps=True)
    lines = stamped.split(b"\n")
    assert [line.partition(b"\t")[2] for line in lines] == plain.split(b"\n")
    assert all(line.startswith(b"1970-01-01T00:") for line in lines if line)


def test_a_line_has_the_time_of_its_first_byte(tmp_path):
    run = finished(tmp_path)
    write(run, [("o", b"one\ntw"), ("e", b"o\nthree\n"), ("o", b"four")])
    assert read(run, stamps=True).decode().split("\n") == [
        "1970-01-01T00:00:01.000000Z\tone",
        "1970-01-01T00:00:01.000000Z\ttwo",
        "1970-01-01T00:00:02.000000Z\tthree",
        "1970-01-01T00:00:03.000000Z\tfour",
    ]


def test_bytes_beyond_the_index_belong_to_the_output(tmp_path):
    run = finished(tmp_path)
    write(run, [("o", b"out\n"), ("e", b"err\n")])
    with open(run_meta_path(run, "output", "40_run"), "ab") as file:
        file.write(b"crash")
    with open(run_meta_path(run, "output", "40_run.index"), "ab") as file:
        file.write(b"1000 o")
    assert read(run) == b"out\nerr\ncrash"
    assert read(run, streams="e") == b"err\ncrash"
    assert read(run, stamps=True).endswith(b"\n-\tcrash")


@pytest.mark.parametrize("index", [None, b"", b"garbage\n", b"1 o 99999\n"])
def test_an_index_that_is_missing_or_wrong_costs_times_and_no_bytes(tmp_path, index):
    run = finished(tmp_path)
    write(run, [("o", b"out\nmore\n")])
    path = run_meta_path(run, "output", "40_run.index")
    if index is None:
        os.unlink(path)
    else:
        with open(path, "wb") as file:
            file.write(index)
    assert read(run) == read(run, streams="o") == b"out\nmore\n"


def test_bytes_that_were_lost_are_skipped_in_the_index(tmp_path):
    run = finished(tmp_path)
    write(run, [("o", b"out\n"), ("e", b"err\n")])
    with open(run_meta_path(run, "output", "40_run.index"), "wb") as file:
        file.write(b"1 o 4\n2 x 500\n3 e 4\n")
    assert read(run, streams="e") == b"err\n"


def test_what_an_index_tells_of_bytes_that_are_not_there_is_passed_over(tmp_path):
    run = finished(tmp_path)
    write(run, [("o", b"out\n"), ("e", b"err\n")])
    with open(run_meta_path(run, "output", "40_run.index"), "wb") as file:
        file.write(b"1 o %d\n" % (10**18 - 1) * 20 + b"2 e 4\n")
    assert read(run, streams="e") == b""
    assert read(run, streams="o") == b"out\nerr\n"


def test_an_index_without_newlines_is_given_up_at_once(tmp_path):
    run = finished(tmp_path)
    write(run, [("o", b"out\n"), ("e", b"err\n")])
    os.truncate(run_meta_path(run, "output", "40_run.index"), 0)
    os.truncate(run_meta_path(run, "output", "40_run.index"), 1 << 31)
    assert bounded(lambda: read(run, streams="e")) == ""
    assert read(run, streams="e") == b"out\nerr\n"


def test_no_output_is_nothing(tmp_path):
    assert read(finished(tmp_path)) == b""


def test_output_is_not_read_through_a_link_or_from_a_pipe(tmp_path):
    run = finished(tmp_path)
    os.makedirs(run_meta_path(run, "output"))
    os.mkfifo(run_meta_path(run, "output", "40_run"))
    with pytest.raises(StateError, match="not a file"):
        read(run)
    os.symlink("/etc/passwd", run_meta_path(run, "output", "50_finalize"))
    with pytest.raises(OSError):
        read(run, "50_finalize")


def test_an_output_is_begun_anew_even_where_it_was_sealed(tmp_path):
    run = finished(tmp_path)
    for text in (b"first and longer", b"second"):
        output = OutputFile(run, "10_sourcecode", clock.now)
        output.write("o", memoryview(text))
        output.close("none", seal=True)
    assert read(run, "10_sourcecode") == b"second"
    mode = os.stat(run_meta_path(run, "output", "10_sourcecode.index")).st_mode
    assert mode & 0o777 == 0o444


def test_a_phase_is_named_by_word_or_file(tmp_path):
    assert output_name("sourcecode") == output_name("10_sourcecode") == "10_sourcecode"
    with pytest.raises(UsageError, match="'nonsense': no such phase"):
        output_name("nonsense")


@given(st.binary(max_size=60), st.integers(1, 80))
def test_a_tail_is_the_last_bytes_and_says_how_many_are_before(tmp_path_factory, data, limit):
    path = tmp_path_factory.mktemp("tail") / "40_run"
    path.write_bytes(data)
    before, tail = read_tail(str(path), limit)
    assert len(tail) <= limit
    assert data[before:] == tail
    assert before == max(0, len(data) - limit)


@given(st.binary(max_size=60) | st.just(b"a\nbc\n" * 20), st.integers(4, 80))
def test_the_ends_of_an_output_and_what_is_between_are_all_of_it(tmp_path_factory, data, limit):
    path = tmp_path_factory.mktemp("ends") / "40_run"
    path.write_bytes(data)
    first, last, between = read_ends(str(path), limit)
    assert len(first) + len(last) <= limit
    assert len(first) + between + len(last) == len(data)
    assert data.startswith(first) and data.endswith(last)
    if between and b"\n" in first:
        assert first.endswith(b"\n")


def test_what_is_no_output_has_no_ends(tmp_path):
    os.symlink("/etc/passwd", tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo", "none", "."):
        assert read_tail(str(tmp_path / name), 10) == (0, b"")
        assert read_ends(str(tmp_path / name), 10) == (b"", b"", 0)
